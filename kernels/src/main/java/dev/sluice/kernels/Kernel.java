package dev.sluice.kernels;

import java.util.Arrays;
import java.util.Locale;

/**
 * The functions of the CUDA sources: the name, the file, and the bytes of each parameter, in order.
 *
 * <p>Thread safety: immutable.
 */
public enum Kernel {
  /** float to half. */
  CAST_F32_F16("convert.cu", 8, 8, 8),
  /** float to bfloat16. */
  CAST_F32_BF16("convert.cu", 8, 8, 8),
  /** half to float. */
  CAST_F16_F32("convert.cu", 8, 8, 8),
  /** half to bfloat16. */
  CAST_F16_BF16("convert.cu", 8, 8, 8),
  /** bfloat16 to float. */
  CAST_BF16_F32("convert.cu", 8, 8, 8),
  /** bfloat16 to half. */
  CAST_BF16_F16("convert.cu", 8, 8, 8),
  /** float to signed bytes. */
  QUANTIZE_F32_I8("convert.cu", 8, 8, 8, 8, 8, 8, 4),
  /** float to unsigned bytes. */
  QUANTIZE_F32_U8("convert.cu", 8, 8, 8, 8, 8, 8, 4),
  /** half to signed bytes. */
  QUANTIZE_F16_I8("convert.cu", 8, 8, 8, 8, 8, 8, 4),
  /** half to unsigned bytes. */
  QUANTIZE_F16_U8("convert.cu", 8, 8, 8, 8, 8, 8, 4),
  /** signed bytes to float. */
  DEQUANTIZE_I8_F32("convert.cu", 8, 8, 8, 8, 8, 8, 4),
  /** unsigned bytes to float. */
  DEQUANTIZE_U8_F32("convert.cu", 8, 8, 8, 8, 8, 8, 4),
  /** signed bytes to half. */
  DEQUANTIZE_I8_F16("convert.cu", 8, 8, 8, 8, 8, 8, 4),
  /** unsigned bytes to half. */
  DEQUANTIZE_U8_F16("convert.cu", 8, 8, 8, 8, 8, 8, 4),
  /** Rows from anywhere into one buffer. */
  GATHER_ROWS("gather.cu", 8, 8, 8, 8, 4),
  /** Images to planes of float. */
  NORMALIZE_IMAGE_F32("image.cu", imageParameters()),
  /** Images to planes of half. */
  NORMALIZE_IMAGE_F16("image.cu", imageParameters()),
  /** Images to planes of signed bytes. */
  NORMALIZE_IMAGE_I8("image.cu", imageParameters()),
  /** The largest of each row of float. */
  TOPK_F32("select.cu", 8, 8, 8, 8, 4, 4, 4),
  /** The largest of each row of half. */
  TOPK_F16("select.cu", 8, 8, 8, 8, 4, 4, 4),
  /** The largest of each row of bfloat16. */
  TOPK_BF16("select.cu", 8, 8, 8, 8, 4, 4, 4),
  /** Largest magnitude of float. */
  ABSMAX_F32("observe.cu", 8, 8, 8),
  /** Largest magnitude of half. */
  ABSMAX_F16("observe.cu", 8, 8, 8),
  /** Largest magnitude of bfloat16. */
  ABSMAX_BF16("observe.cu", 8, 8, 8),
  /** Histogram of magnitudes of float. */
  HISTOGRAM_F32("observe.cu", 8, 8, 8, 4, 4),
  /** Histogram of magnitudes of half. */
  HISTOGRAM_F16("observe.cu", 8, 8, 8, 4, 4),
  /** Histogram of magnitudes of bfloat16. */
  HISTOGRAM_BF16("observe.cu", 8, 8, 8, 4, 4),
  /** How many floats are out of range. */
  SATURATION_COUNT_F32("observe.cu", 8, 8, 8, 4),
  /** How many halves are out of range. */
  SATURATION_COUNT_F16("observe.cu", 8, 8, 8, 4),
  /** How many bfloat16 are out of range. */
  SATURATION_COUNT_BF16("observe.cu", 8, 8, 8, 4);

  /** What the sources include. */
  public static final String HEADER = "common.cuh";

  private final String source;
  private final String function = name().toLowerCase(Locale.ROOT);

  @SuppressWarnings("ImmutableEnumChecker") // never written, never given out
  private final int[] parameterBytes;

  Kernel(String source, int... parameterBytes) {
    this.source = source;
    this.parameterBytes = parameterBytes;
  }

  private static int[] imageParameters() {
    int[] bytes = new int[21];
    Arrays.fill(bytes, 4);
    Arrays.fill(bytes, 0, 5, 8);
    return bytes;
  }

  /** The function's name in the source, and in a module made of it. */
  public String function() {
    return function;
  }

  /** The file, a resource in {@code dev/sluice/kernels/cuda}. */
  public String source() {
    return source;
  }

  /** Bytes of each parameter, in order. */
  public int[] parameterBytes() {
    return parameterBytes.clone();
  }

  int parameters() {
    return parameterBytes.length;
  }

  int parameterBytes(int index) {
    return parameterBytes[index];
  }
}
