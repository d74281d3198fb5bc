package dev.sluice.engine.format;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * How far two tensors of one type and shape are apart.
 *
 * <p>Thread safety: immutable.
 *
 * @param maxAbs the largest difference of two elements; infinite where one of two is not finite and
 *     they are not the same, and for types that are not real where any differ
 * @param largest the largest finite magnitude of the expected tensor; 0 for types that are not real
 */
public record TensorDifference(double maxAbs, double largest) {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Whether {@code maxAbs} is at most {@code abs} plus {@code rel} times {@code largest}. */
  public boolean within(double abs, double rel) {
    return maxAbs <= abs + rel * largest;
  }

  /** Whether values of this type are compared with a tolerance. */
  public static boolean isReal(ElementType type) {
    return switch (type) {
      case FLOAT, DOUBLE, FLOAT16, BFLOAT16, COMPLEX64, COMPLEX128 -> true;
      default -> false;
    };
  }

  /**
   * Compares two tensors.
   *
   * @param type element type, not STRING
   * @param expected packed elements, little endian
   * @param actual as many
   */
  public static TensorDifference of(
      ElementType type, MemorySegment expected, MemorySegment actual) {
    return new TensorDifference(maxAbs(type, expected, actual), largest(type, expected));
  }

  /** Just {@link #maxAbs()}; allocates nothing. */
  public static double maxAbs(ElementType type, MemorySegment expected, MemorySegment actual) {
    if (expected.mismatch(actual) == -1) {
      return 0;
    }
    if (!isReal(type) || expected.byteSize() != actual.byteSize()) {
      return Double.POSITIVE_INFINITY;
    }
    int width = width(type);
    double difference = 0;
    for (long at = 0; at < expected.byteSize(); at += width) {
      double a = real(type, expected, at);
      double b = real(type, actual, at);
      if (Double.isFinite(a) && Double.isFinite(b)) {
        difference = Math.max(difference, Math.abs(a - b));
      } else if (Double.compare(a, b) != 0) {
        return Double.POSITIVE_INFINITY;
      }
    }
    return difference;
  }

  /** Just {@link #largest()}; allocates nothing. */
  public static double largest(ElementType type, MemorySegment expected) {
    double largest = 0;
    if (isReal(type)) {
      int width = width(type);
      for (long at = 0; at < expected.byteSize(); at += width) {
        double a = Math.abs(real(type, expected, at));
        largest = Double.isFinite(a) ? Math.max(largest, a) : largest;
      }
    }
    return largest;
  }

  /** Whether any element of a real tensor is finite. */
  public static boolean hasFinite(ElementType type, MemorySegment data) {
    int width = width(type);
    for (long at = 0; at < data.byteSize(); at += width) {
      if (Double.isFinite(real(type, data, at))) {
        return true;
      }
    }
    return false;
  }

  private static int width(ElementType type) {
    return switch (type) {
      case DOUBLE, COMPLEX128 -> 8;
      case FLOAT, COMPLEX64 -> 4;
      default -> 2;
    };
  }

  private static double real(ElementType type, MemorySegment data, long at) {
    return switch (type) {
      case DOUBLE, COMPLEX128 -> data.get(F64, at);
      case FLOAT, COMPLEX64 -> data.get(F32, at);
      case FLOAT16 -> Float.float16ToFloat(data.get(I16, at));
      default -> Float.intBitsToFloat(data.get(I16, at) << 16);
    };
  }
}
