package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;

/**
 * {@code absmax}, {@code histogram} and {@code saturation_count}: what calibration and monitoring
 * ask of a tensor of FLOAT, FLOAT16 or BFLOAT16. Each adds to what its result holds, so that
 * tensors may follow one another. The kernels and the references agree exactly.
 *
 * <p>Thread safety: stateless.
 */
public final class Observe {
  /** The most bins of a histogram: a block keeps them in 48 KiB of shared memory. */
  public static final int MAX_BINS = 12_288;

  private Observe() {}

  private static Kernel pick(ElementType type, Kernel f32, Kernel f16, Kernel bf16) {
    return switch (type) {
      case FLOAT -> f32;
      case FLOAT16 -> f16;
      case BFLOAT16 -> bf16;
      default -> throw Elements.unsupported(type);
    };
  }

  private static KernelCall start(
      KernelCall call, Kernel kernel, ElementType type, long source, long result, long n) {
    Elements.requireCount(n, "n");
    Elements.requireAligned(source, type, "source");
    call.start(kernel).add(source).add(result).add(n);
    return call.threads(n / (16 / Elements.bytes(type)) + 1);
  }

  /**
   * Prepares {@code absmax}: the largest magnitude, infinity included; a NaN does not count.
   *
   * @param result address of a float that is 0, or the largest magnitude so far
   */
  public static void prepareAbsMax(
      KernelCall call, ElementType type, long source, long result, long n) {
    Elements.requireAligned(result, ElementType.FLOAT, "result");
    Kernel kernel = pick(type, Kernel.ABSMAX_F32, Kernel.ABSMAX_F16, Kernel.ABSMAX_BF16);
    start(call, kernel, type, source, result, n);
  }

  /** {@code absmax} in Java. */
  public static void absMax(ElementType type, MemorySegment source, MemorySegment result, long n) {
    float most = result.get(Elements.F32, 0);
    for (long i = 0; i < n; i++) {
      float magnitude = Math.abs(Elements.get(type, source, i));
      most = magnitude > most ? magnitude : most;
    }
    result.set(Elements.F32, 0, most);
  }

  /**
   * Prepares {@code histogram}: bin b counts the magnitudes m with floor(m * binsPerUnit) == b;
   * larger ones are counted in the last bin, a NaN nowhere.
   *
   * @param counts address of {@code bins} 64-bit counts
   * @param binsPerUnit bins over the largest magnitude
   * @param bins 1 to {@link #MAX_BINS}
   */
  public static void prepareHistogram(
      KernelCall call,
      ElementType type,
      long source,
      long counts,
      long n,
      float binsPerUnit,
      int bins) {
    requireBins(binsPerUnit, bins);
    Elements.requireAligned(counts, ElementType.INT64, "counts");
    Kernel kernel = pick(type, Kernel.HISTOGRAM_F32, Kernel.HISTOGRAM_F16, Kernel.HISTOGRAM_BF16);
    start(call, kernel, type, source, counts, n)
        .add(binsPerUnit)
        .add(bins)
        .sharedBytes(bins * Integer.BYTES);
  }

  private static void requireBins(float binsPerUnit, int bins) {
    if (bins < 1 || bins > MAX_BINS || !(binsPerUnit > 0) || Float.isInfinite(binsPerUnit)) {
      throw new IllegalArgumentException(
          bins
              + " bins, "
              + binsPerUnit
              + " a unit; take 1 to "
              + MAX_BINS
              + ", and a positive one");
    }
  }

  /** {@code histogram} in Java. */
  public static void histogram(
      ElementType type,
      MemorySegment source,
      MemorySegment counts,
      long n,
      float binsPerUnit,
      int bins) {
    requireBins(binsPerUnit, bins);
    for (long i = 0; i < n; i++) {
      float at = Math.abs(Elements.get(type, source, i)) * binsPerUnit;
      if (!Float.isNaN(at)) {
        long place = 8L * (at >= bins - 1 ? bins - 1 : (int) at);
        counts.set(Elements.I64, place, counts.get(Elements.I64, place) + 1);
      }
    }
  }

  /**
   * Prepares {@code saturation_count}: how many lie outside of [-threshold, threshold]; a NaN does.
   *
   * @param count address of a 64-bit count
   */
  public static void prepareSaturationCount(
      KernelCall call, ElementType type, long source, long count, long n, float threshold) {
    Elements.requireAligned(count, ElementType.INT64, "count");
    Kernel kernel =
        pick(
            type,
            Kernel.SATURATION_COUNT_F32,
            Kernel.SATURATION_COUNT_F16,
            Kernel.SATURATION_COUNT_BF16);
    start(call, kernel, type, source, count, n).add(threshold);
  }

  /** {@code saturation_count} in Java. */
  public static void saturationCount(
      ElementType type, MemorySegment source, MemorySegment count, long n, float threshold) {
    long outside = 0;
    for (long i = 0; i < n; i++) {
      outside += Math.abs(Elements.get(type, source, i)) <= threshold ? 0 : 1;
    }
    count.set(Elements.I64, 0, count.get(Elements.I64, 0) + outside);
  }
}
