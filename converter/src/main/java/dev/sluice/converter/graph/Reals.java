package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Elements of real numbers as doubles.
 *
 * <p>Thread safety: stateless.
 */
public final class Reals {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Reals() {}

  /** Whether the elements are half, single or double precision. */
  public static boolean isReal(ElementType type) {
    return type == ElementType.FLOAT
        || type == ElementType.FLOAT16
        || type == ElementType.BFLOAT16
        || type == ElementType.DOUBLE;
  }

  /** Element {@code index}. */
  public static double get(ElementType type, MemorySegment bytes, long index) {
    return switch (type) {
      case FLOAT16 -> Float.float16ToFloat(bytes.get(I16, index * 2));
      case BFLOAT16 -> Float.intBitsToFloat(bytes.get(I16, index * 2) << 16);
      case FLOAT -> bytes.get(F32, index * 4);
      case DOUBLE -> bytes.get(F64, index * 8);
      default ->
          throw new IllegalArgumentException(
              type + " is none of half, single and double precision");
    };
  }

  /** Rounds a number into element {@code index}: once, to nearest, a tie to even. */
  public static void set(ElementType type, MemorySegment bytes, long index, double value) {
    switch (type) {
      case FLOAT16 -> bytes.set(I16, index * 2, Float.floatToFloat16(toOdd(value)));
      case BFLOAT16 -> bytes.set(I16, index * 2, brain(toOdd(value)));
      case FLOAT -> bytes.set(F32, index * 4, (float) value);
      case DOUBLE -> bytes.set(F64, index * 8, value);
      default ->
          throw new IllegalArgumentException(
              type + " is none of half, single and double precision");
    }
  }

  /**
   * A number as a float that rounds to a shorter type as the number itself does: where it is none,
   * the odd one of its two neighbours, which no shorter type has or has halfway.
   */
  private static float toOdd(double value) {
    float near = (float) value;
    int bits = Float.floatToRawIntBits(near);
    if (near == value || Double.isNaN(value) || (bits & 1) != 0) {
      return near;
    }
    if (Float.isInfinite(near)) {
      return Math.copySign(Float.MAX_VALUE, near);
    }
    boolean nearer = Math.abs((double) near) < Math.abs(value);
    return Float.intBitsToFloat(nearer ? bits + 1 : bits - 1);
  }

  /** The upper half of a float, rounded to nearest, a tie to even. */
  private static short brain(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
