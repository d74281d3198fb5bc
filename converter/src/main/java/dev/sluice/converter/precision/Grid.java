package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Bounds;

/**
 * The numbers that the codes of a quantized tensor stand for: {@code (code - zeroPoint) * scale}.
 *
 * <p>Thread safety: immutable.
 *
 * @param scale positive, as FP32 has it
 * @param zeroPoint the code of zero
 * @param signed whether codes are INT8, else UINT8
 */
record Grid(float scale, int zeroPoint, boolean signed) {
  /** The largest code of a symmetric INT8 tensor. */
  static final int MAX_SIGNED = 127;

  private static final int MAX_UNSIGNED = 255;

  /** As TensorRT wants it: INT8 with zero at code 0. */
  static Grid symmetric(Bounds bounds) {
    return new Grid(scale(bounds.magnitude() / MAX_SIGNED), 0, true);
  }

  /** As ONNX Runtime's kernels for x86 want it: UINT8, all codes of use. */
  static Grid unsigned(Bounds bounds) {
    float scale = scale((bounds.high() - bounds.low()) / MAX_UNSIGNED);
    int zeroPoint = (int) Math.clamp(Math.rint(-bounds.low() / scale), 0, MAX_UNSIGNED);
    return new Grid(scale, zeroPoint, false);
  }

  /** A scale must be a positive number, also for a tensor that is always zero. */
  private static float scale(double wanted) {
    return wanted == 0 ? 1 : (float) Math.max(wanted, Float.MIN_NORMAL);
  }

  /** The code of a number; half way it is the even one. */
  int code(double value) {
    double code = Math.rint(value / scale) + zeroPoint;
    return (int)
        (signed
            ? Math.clamp(code, Byte.MIN_VALUE, Byte.MAX_VALUE)
            : Math.clamp(code, 0, MAX_UNSIGNED));
  }

  /** The number of a code. */
  float value(int code) {
    return (code - zeroPoint) * scale;
  }
}
