package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.format.TensorDifference;
import java.lang.foreign.MemorySegment;

/**
 * Tells whether two results of the same row agree.
 *
 * <p>Running n rows at once changes the order in which products are summed. A sum of K float32
 * products then differs by about sqrt(K) * 2^-24 of its largest terms; K = 10,000 and 50 layers,
 * whose errors add up as a random walk, give 4e-5 of the largest magnitude in the result. Allowed
 * is {@value #FLOAT32_TOLERANCE} of that magnitude; for results of half precision, whose step is
 * 2^-11 or 2^-8, as many steps more; for those of INT8 graphs, where a sum that is next to the
 * middle of two of 127 steps tips over, {@value #INT8_TOLERANCE}, two and a half steps. What is
 * computed from the wrong range of a dynamic quantization is off by 1/255 and up. Integers and
 * booleans must be equal.
 *
 * <p>Thread safety: stateless.
 */
final class RowComparison {
  static final double FLOAT32_TOLERANCE = 1e-4;
  static final double FLOAT16_TOLERANCE = 1e-2;
  static final double BFLOAT16_TOLERANCE = 8e-2;

  static final double INT8_TOLERANCE = 2e-2;

  private RowComparison() {}

  /** What a difference may be, as a part of the largest magnitude, by the model's precision. */
  static double tolerance(String precision) {
    return switch (precision) {
      case "fp16" -> FLOAT16_TOLERANCE;
      case "bf16" -> BFLOAT16_TOLERANCE;
      case "int8" -> INT8_TOLERANCE;
      default -> FLOAT32_TOLERANCE;
    };
  }

  /** Whether there is a finite number among the elements, or nothing to be finite. */
  static boolean hasFinite(SampleTensor tensor) {
    return !TensorDifference.isReal(tensor.type())
        || tensor.data().byteSize() == 0
        || TensorDifference.hasFinite(tensor.type(), tensor.data());
  }

  /**
   * The largest difference, as a part of the largest finite magnitude of {@code expected}, which
   * counts as at least 1e-6; infinite where one of the two is not finite and they are not the same.
   * For types that are not real: 0 where all is equal, else infinite.
   */
  static double difference(ElementType type, MemorySegment expected, MemorySegment actual) {
    TensorDifference difference = TensorDifference.of(type, expected, actual);
    return difference.maxAbs() / Math.max(1e-6, difference.largest());
  }
}
