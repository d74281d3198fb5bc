package dev.sluice.converter.calibrate;

/**
 * The part of the real numbers that the codes of a quantized tensor cover; what is outside is
 * clipped. Zero is inside always, so that it has a code of its own.
 *
 * <p>Thread safety: immutable.
 *
 * @param low 0 or less
 * @param high 0 or more
 */
public record Bounds(double low, double high) {
  /** Checks that zero is inside. */
  public Bounds {
    if (!(low <= 0 && high >= 0) || Double.isInfinite(low) || Double.isInfinite(high)) {
      throw new IllegalArgumentException(
          "bounds are finite with zero inside, but these are " + low + " to " + high);
    }
  }

  /** The largest magnitude inside. */
  public double magnitude() {
    return Math.max(-low, high);
  }

  /** The least bounds that hold both. */
  public Bounds union(Bounds other) {
    return new Bounds(Math.min(low, other.low), Math.max(high, other.high));
  }
}
