package dev.sluice.bench.train;

/**
 * A family of generators: the writers of digits, and what corresponds to them in other data sets.
 * Of the writers the two share no drawing, no pen, no way of bending a line, no kind of clutter and
 * no kind of noise, so that what is measured on the second was not seen in the first.
 *
 * <p>Lengths are in pixels unless said otherwise. Immutable, hence thread-safe.
 */
public enum Family {
  /**
   * What the model learns from: a round pen, corners displaced at random, straight scratches,
   * normal noise, an even background.
   */
  TRAINING,

  /**
   * What the model is measured on: a broad-nibbed pen, lines bent by a wave, arcs and dots as
   * clutter, single wrong pixels, a background that gets lighter to one side.
   */
  HELD_OUT;

  /**
   * A family's own seed, which keeps the draws of two apart even where they are given equal ones.
   */
  long apart(long seed) {
    return seed ^ ((long) name().hashCode() << 32);
  }

  /** What the family's writers do. */
  Style style() {
    return switch (this) {
      case TRAINING -> Style.TRAINING;
      case HELD_OUT -> Style.HELD_OUT;
    };
  }
}
