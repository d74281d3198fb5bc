package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;

/**
 * What real numbers of 16 bits hold.
 *
 * <p>Thread safety: immutable.
 */
enum HalfFormat {
  /** IEEE 754 binary16. */
  FLOAT16(ElementType.FLOAT16, 11, 0x1.FFCp15, 0x1p-24),
  /** The upper half of binary32. */
  BFLOAT16(ElementType.BFLOAT16, 8, 0x1.FEp127, 0x1p-133);

  private final ElementType type;
  private final int significantBits;
  private final double max;
  private final double min;

  HalfFormat(ElementType type, int significantBits, double max, double min) {
    this.type = type;
    this.significantBits = significantBits;
    this.max = max;
    this.min = min;
  }

  /** That of an element type. */
  static HalfFormat of(ElementType type) {
    return switch (type) {
      case FLOAT16 -> FLOAT16;
      case BFLOAT16 -> BFLOAT16;
      default -> throw new IllegalArgumentException(type + " has not 16 bits of a real number");
    };
  }

  /** Whether an element type is one of these. */
  static boolean isHalf(ElementType type) {
    return type == ElementType.FLOAT16 || type == ElementType.BFLOAT16;
  }

  ElementType type() {
    return type;
  }

  /** Bits of the significand, the hidden one included. */
  int significantBits() {
    return significantBits;
  }

  /** The largest finite number. */
  double max() {
    return max;
  }

  /** The smallest positive number, a subnormal. */
  double min() {
    return min;
  }

  /** Whether a finite number rounds to infinity. */
  boolean overflows(double number) {
    double halfStep = Math.scalb(1.0, Math.getExponent(max) - significantBits);
    return Double.isFinite(number) && Math.abs(number) >= max + halfStep;
  }

  /** Whether a number other than zero rounds to zero. */
  boolean vanishes(double number) {
    return number != 0 && Math.abs(number) <= min / 2;
  }
}
