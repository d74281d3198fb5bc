package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;

/**
 * {@code dequantize}: (q - zero point) * scale, as ONNX's DequantizeLinear, with rows and channels
 * as in {@link Quantize}. The kernel and the reference agree bit for bit.
 *
 * <p>Thread safety: stateless.
 */
public final class Dequantize {
  private Dequantize() {}

  /**
   * The kernel for two types.
   *
   * @param from INT8 or UINT8
   * @param to FLOAT or FLOAT16
   */
  public static Kernel kernel(ElementType from, ElementType to) {
    boolean half = to == ElementType.FLOAT16;
    if (!half && to != ElementType.FLOAT) {
      throw Elements.unsupported(to);
    }
    return switch (from) {
      case INT8 -> half ? Kernel.DEQUANTIZE_I8_F16 : Kernel.DEQUANTIZE_I8_F32;
      case UINT8 -> half ? Kernel.DEQUANTIZE_U8_F16 : Kernel.DEQUANTIZE_U8_F32;
      default -> throw Elements.unsupported(from);
    };
  }

  /**
   * Prepares a launch.
   *
   * @param source address of rows * inner bytes
   * @param target address of as many elements
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
    Elements.requireAligned(target, to, "target");
    Quantize.prepare(call, kernel(from, to), source, target, scales, zeros, rows, inner, channels);
    call.threads(inner / (16 / Elements.bytes(to)) / 4 + 1).rows(rows);
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
    for (long row = 0; row < rows; row++) {
      float scale = scales.get(Elements.F32, 4 * (row % channels));
      int zero = zeros == null ? 0 : zeros.get(Elements.I32, 4 * (row % channels));
      for (long i = row * inner; i < (row + 1) * inner; i++) {
        Elements.set(to, target, i, (float) ((int) Elements.get(from, source, i) - zero) * scale);
      }
    }
  }
}
