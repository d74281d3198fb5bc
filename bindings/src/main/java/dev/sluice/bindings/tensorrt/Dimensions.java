package dev.sluice.bindings.tensorrt;

import org.bytedeco.tensorrt.nvinfer.Dims64;

/**
 * Dimensions between Java and {@code nvinfer1::Dims64}.
 *
 * <p>Thread safety: stateless.
 */
final class Dimensions {
  private Dimensions() {}

  /** Dimensions that the caller closes. */
  static Dims64 of(long... dims) {
    if (dims.length > Dims64.MAX_DIMS) {
      throw new IllegalArgumentException(
          dims.length + " dimensions, but TensorRT has at most " + Dims64.MAX_DIMS);
    }
    Dims64 made = new Dims64();
    made.nbDims(dims.length);
    for (int i = 0; i < dims.length; i++) {
      made.d(i, dims[i]);
    }
    return made;
  }

  /** What TensorRT returned by value, which is freed; null where it is not valid. */
  static long[] take(Dims64 returned) {
    try (returned) {
      int count = returned.nbDims();
      if (count < 0) {
        return null;
      }
      long[] dims = new long[count];
      for (int i = 0; i < count; i++) {
        dims[i] = returned.d(i);
      }
      return dims;
    }
  }
}
