package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import java.util.Locale;
import java.util.Objects;

/**
 * How a plan is built, apart from its shapes.
 *
 * <p>Thread safety: immutable.
 *
 * @param workspaceLimitBytes most device memory that a kernel may use beside its inputs and
 *     outputs; 0 leaves it to TensorRT, which takes all there is
 * @param optimizationLevel how much the builder tries, 0 (least time to build) to 5
 * @param hardwareCompatibility which devices the plan has to run on
 * @param refittable whether the weights can be exchanged later
 * @param tf32 whether products of 32-bit floats may round their inputs to 10 bits of fraction
 */
public record PlanOptions(
    long workspaceLimitBytes,
    int optimizationLevel,
    HardwareCompatibilityLevel hardwareCompatibility,
    boolean refittable,
    boolean tf32) {
  /** The greatest {@code optimizationLevel}. */
  public static final int MAX_OPTIMIZATION_LEVEL = 5;

  /** TensorRT's own default. */
  private static final int DEFAULT_OPTIMIZATION_LEVEL = 3;

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException naming the one that is out of range
   */
  public PlanOptions {
    Objects.requireNonNull(hardwareCompatibility, "hardwareCompatibility");
    if (workspaceLimitBytes < 0) {
      throw new IllegalArgumentException(
          "the workspace limit is at least 0 bytes, but this is " + workspaceLimitBytes);
    }
    if (optimizationLevel < 0 || optimizationLevel > MAX_OPTIMIZATION_LEVEL) {
      throw new IllegalArgumentException(
          "the optimization level is 0 to "
              + MAX_OPTIMIZATION_LEVEL
              + ", but this is "
              + optimizationLevel);
    }
  }

  /** TensorRT's defaults: for this device only, level 3, TF32 on. */
  public static PlanOptions defaults() {
    return new PlanOptions(
        0, DEFAULT_OPTIMIZATION_LEVEL, HardwareCompatibilityLevel.NONE, false, true);
  }

  /** In words, for messages and lists. */
  @Override
  public String toString() {
    StringBuilder words = new StringBuilder("optimization level ").append(optimizationLevel);
    words.append(
        workspaceLimitBytes == 0
            ? ", no workspace limit"
            : String.format(Locale.ROOT, ", workspace of up to %,d bytes", workspaceLimitBytes));
    if (hardwareCompatibility != HardwareCompatibilityLevel.NONE) {
      words
          .append(", hardware compatibility ")
          .append(hardwareCompatibility.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    }
    words.append(tf32 ? ", TF32" : ", no TF32").append(refittable ? ", refittable" : "");
    return words.toString();
  }
}
