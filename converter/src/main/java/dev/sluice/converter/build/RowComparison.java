package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Tells whether two results of the same row agree.
 *
 * <p>Running n rows at once changes the order in which products are summed. A sum of K float32
 * products then differs by about sqrt(K) * 2^-24 of its largest terms; K = 10,000 and 50 layers,
 * whose errors add up as a random walk, give 4e-5 of the largest magnitude in the result. Allowed
 * is {@value #FLOAT32_TOLERANCE} of that magnitude; for results of half precision, whose step is
 * 2^-11 or 2^-8, as many steps more. What is computed from the wrong range of a dynamic
 * quantization is off by 1/255 and up. Integers and booleans must be equal.
 *
 * <p>Thread safety: stateless.
 */
public final class RowComparison {
  static final double FLOAT32_TOLERANCE = 1e-4;
  static final double FLOAT16_TOLERANCE = 1e-2;
  static final double BFLOAT16_TOLERANCE = 8e-2;

  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private RowComparison() {}

  /** What a difference may be, as a part of the largest magnitude, by the model's precision. */
  public static double tolerance(String precision) {
    return switch (precision) {
      case "fp16" -> FLOAT16_TOLERANCE;
      case "bf16" -> BFLOAT16_TOLERANCE;
      default -> FLOAT32_TOLERANCE;
    };
  }

  /** Whether values of this type are compared with a tolerance. */
  static boolean isReal(ElementType type) {
    return switch (type) {
      case FLOAT, DOUBLE, FLOAT16, BFLOAT16, COMPLEX64, COMPLEX128 -> true;
      default -> false;
    };
  }

  /**
   * The largest difference, as a part of the largest finite magnitude of {@code expected}, which
   * counts as at least 1e-6; infinite where one of the two is not finite and they are not the same.
   * For types that are not real: 0 where all is equal, else infinite.
   */
  public static double difference(ElementType type, MemorySegment expected, MemorySegment actual) {
    if (expected.mismatch(actual) == -1) {
      return 0;
    }
    if (!isReal(type)) {
      return Double.POSITIVE_INFINITY;
    }
    int width =
        switch (type) {
          case DOUBLE, COMPLEX128 -> 8;
          case FLOAT, COMPLEX64 -> 4;
          default -> 2;
        };
    double largest = 1e-6;
    double difference = 0;
    for (long at = 0; at < expected.byteSize(); at += width) {
      double a = real(type, expected, at);
      double b = real(type, actual, at);
      if (Double.isFinite(a) && Double.isFinite(b)) {
        largest = Math.max(largest, Math.abs(a));
        difference = Math.max(difference, Math.abs(a - b));
      } else if (Double.compare(a, b) != 0) {
        return Double.POSITIVE_INFINITY;
      }
    }
    return difference / largest;
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
