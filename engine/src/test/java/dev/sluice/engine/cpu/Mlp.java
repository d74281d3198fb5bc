package dev.sluice.engine.cpu;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/**
 * A perceptron of 10-50-10 with ReLU between, as a graph and as plain Java.
 *
 * <p>Thread safety: immutable but for {@link #random}.
 */
final class Mlp {
  final Random random;
  private final float[] first = new float[10 * 50];
  private final float[] bias = new float[50];
  private final float[] second = new float[50 * 10];

  Mlp(Random random) {
    this.random = random;
    for (float[] weights : new float[][] {first, bias, second}) {
      for (int i = 0; i < weights.length; i++) {
        weights[i] = (float) random.nextGaussian() / 3;
      }
    }
  }

  MemorySegment graph() {
    return new TinyModel()
        .input("x", ElementType.FLOAT, "N", 10)
        .output("y", ElementType.FLOAT, "N", 10)
        .weights("w1", first, 10, 50)
        .weights("b1", bias, 50)
        .weights("w2", second, 50, 10)
        .node("MatMul", "x w1", "h1")
        .node("Add", "h1 b1", "h2")
        .node("Relu", "h2", "h3")
        .node("MatMul", "h3 w2", "y")
        .build();
  }

  /** The answer for row {@code row} of {@code in}. */
  float[] apply(float[] in, int row) {
    float[] out = new float[10];
    for (int h = 0; h < 50; h++) {
      double sum = bias[h];
      for (int i = 0; i < 10; i++) {
        sum += (double) in[row * 10 + i] * first[i * 50 + h];
      }
      double hidden = Math.max(sum, 0);
      for (int o = 0; o < 10; o++) {
        out[o] += (float) (hidden * second[h * 10 + o]);
      }
    }
    return out;
  }
}
