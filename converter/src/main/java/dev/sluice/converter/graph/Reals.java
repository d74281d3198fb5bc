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
final class Reals {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Reals() {}

  /** Whether the elements are half, single or double precision. */
  static boolean isReal(ElementType type) {
    return type == ElementType.FLOAT || type == ElementType.FLOAT16 || type == ElementType.DOUBLE;
  }

  /** Element {@code index}. */
  static double get(ElementType type, MemorySegment bytes, long index) {
    return switch (type) {
      case FLOAT16 -> Float.float16ToFloat(bytes.get(I16, index * 2));
      case FLOAT -> bytes.get(F32, index * 4);
      case DOUBLE -> bytes.get(F64, index * 8);
      default -> throw new IllegalArgumentException(type + " is none of half, single, double");
    };
  }

  /** Rounds a number into element {@code index}. */
  static void set(ElementType type, MemorySegment bytes, long index, double value) {
    switch (type) {
      case FLOAT16 -> bytes.set(I16, index * 2, Float.floatToFloat16((float) value));
      case FLOAT -> bytes.set(F32, index * 4, (float) value);
      case DOUBLE -> bytes.set(F64, index * 8, value);
      default -> throw new IllegalArgumentException(type + " is none of half, single, double");
    }
  }
}
