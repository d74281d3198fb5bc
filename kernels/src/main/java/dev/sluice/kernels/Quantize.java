package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code quantize}: clamp(round(x / scale) + zero point), ties to even, as ONNX's QuantizeLinear. A
 * NaN becomes the zero point. The tensor is rows of {@code inner} elements, and row r has scale and
 * zero point number r modulo {@code channels}: per tensor, that is one row and one channel. The
 * kernel and the reference agree bit for bit.
 *
 * <p>Thread safety: stateless.
 */
public final class Quantize {
  private Quantize() {}

  /**
   * The kernel for two types.
   *
   * @param from FLOAT or FLOAT16
   * @param to INT8 or UINT8
   */
  public static Kernel kernel(ElementType from, ElementType to) {
    boolean half = from == ElementType.FLOAT16;
    if (!half && from != ElementType.FLOAT) {
      throw Elements.unsupported(from);
    }
    return switch (to) {
      case INT8 -> half ? Kernel.QUANTIZE_F16_I8 : Kernel.QUANTIZE_F32_I8;
      case UINT8 -> half ? Kernel.QUANTIZE_F16_U8 : Kernel.QUANTIZE_F32_U8;
      default -> throw Elements.unsupported(to);
    };
  }

  /**
   * Prepares a launch.
   *
   * @param source address of rows * inner elements
   * @param target address of as many bytes
   * @param scales address of {@code channels} positive floats
   * @param zeros address of {@code channels} 32-bit zero points, or 0 where all are 0
   */
  public static void prepare(
      KernelCall call,
      ElementType from,
      ElementType to,
      long source,
      long target,
      long scales,
      long zeros,
      long rows,
      long inner,
      int channels) {
    Elements.requireAligned(source, from, "source");
    prepare(call, kernel(from, to), source, target, scales, zeros, rows, inner, channels);
    call.threads(inner / (16 / Elements.bytes(from)) / 4 + 1).rows(rows);
  }

  static void prepare(
      KernelCall call,
      Kernel kernel,
      long source,
      long target,
      long scales,
      long zeros,
      long rows,
      long inner,
      int channels) {
    Elements.requireCount(rows, "rows");
    Elements.requireCount(inner, "inner");
    if (channels < 1) {
      throw new IllegalArgumentException(channels + " channels; there must be one at least");
    }
    Elements.requireAligned(scales, ElementType.FLOAT, "scales");
    Elements.requireAligned(zeros, ElementType.INT32, "zeros");
    call.start(kernel)
        .add(source)
        .add(target)
        .add(scales)
        .add(zeros)
        .add(rows)
        .add(inner)
        .add(channels);
  }

  /**
   * The same in Java.
   *
   * @param zeros null where all zero points are 0
   */
  public static void reference(
      ElementType from,
      ElementType to,
      MemorySegment source,
      MemorySegment target,
      MemorySegment scales,
      MemorySegment zeros,
      long rows,
      long inner,
      int channels) {
    kernel(from, to);
    int low = to == ElementType.INT8 ? -128 : 0;
    int high = to == ElementType.INT8 ? 127 : 255;
    for (long row = 0; row < rows; row++) {
      float scale = scales.get(Elements.F32, 4 * (row % channels));
      int zero = zeros == null ? 0 : zeros.get(Elements.I32, 4 * (row % channels));
      for (long i = row * inner; i < (row + 1) * inner; i++) {
        float rounded = (float) Math.rint(Elements.get(from, source, i) / scale);
        float kept =
            Float.isNaN(rounded)
                ? 0
                : Math.clamp(rounded, (float) (low - zero), (float) (high - zero));
        target.set(ValueLayout.JAVA_BYTE, i, (byte) ((int) kept + zero));
      }
    }
  }
}
