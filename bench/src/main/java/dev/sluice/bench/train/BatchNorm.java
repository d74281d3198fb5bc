package dev.sluice.bench.train;

import java.util.function.Consumer;

/**
 * Batch normalisation over the samples of one shard, with scale and shift per channel. For use
 * after training it is folded into the convolution before it, by {@link FoldedWeights}.
 *
 * <p>A shard is normalised by its own mean and variance, never by those of the whole batch: shards
 * then need nothing of each other, and the result does not depend on how they are spread over
 * threads.
 *
 * <p>Not thread-safe.
 */
final class BatchNorm implements Layer {
  /** Added to each variance. */
  static final float EPSILON = 1e-5f;

  private final Parameter scale;
  private final Parameter shift;
  private final float[] runningMean;
  private final float[] runningVariance;
  private final float[] mean;
  private final float[] variance;
  private final float[] inverseDeviation;
  private final Planes normalised;
  private final Planes output;
  private final Planes inputGradient;

  BatchNorm(String name, Weights shared, Planes like) {
    int channels = like.channels();
    shared.row(name + ".scale", channels, 1);
    shared.row(name + ".shift", channels, 0);
    scale = new Parameter(name + ".scale", shared.get(name + ".scale"), false);
    shift = new Parameter(name + ".shift", shared.get(name + ".shift"), false);
    runningMean = shared.row(name + ".mean", channels, 0);
    runningVariance = shared.row(name + ".variance", channels, 1);
    mean = new float[channels];
    variance = new float[channels];
    inverseDeviation = new float[channels];
    normalised = like.like();
    output = like.like();
    inputGradient = like.like();
  }

  @Override
  public Planes forward(Planes in) {
    for (int c = 0; c < in.channels(); c++) {
      float[] x = in.rows()[c];
      double average = sum(x) / x.length;
      double spread = sumOfSquares(x, (float) average) / x.length;
      mean[c] = (float) average;
      variance[c] = (float) spread;
      float inverse = (float) (1 / Math.sqrt(spread + EPSILON));
      inverseDeviation[c] = inverse;
      standardise(x, mean[c], inverse, normalised.rows()[c]);
      stretch(normalised.rows()[c], scale.value()[0][c], shift.value()[0][c], output.rows()[c]);
    }
    return output;
  }

  @Override
  public Planes backward(Planes gradient) {
    for (int c = 0; c < gradient.channels(); c++) {
      float[] g = gradient.rows()[c];
      float[] x = normalised.rows()[c];
      double total = sum(g);
      double product = sumOfProducts(g, x);
      shift.gradient()[0][c] = (float) total;
      scale.gradient()[0][c] = (float) product;
      float factor = scale.value()[0][c] * inverseDeviation[c];
      float meanGradient = (float) (total / g.length);
      float meanProduct = (float) (product / g.length);
      float[] out = inputGradient.rows()[c];
      for (int i = 0; i < g.length; i++) {
        out[i] = factor * (g[i] - meanGradient - x[i] * meanProduct);
      }
    }
    return inputGradient;
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    visitor.accept(scale);
    visitor.accept(shift);
  }

  /**
   * Moves the shared running statistics towards those of the last {@link #forward}. The trainer
   * calls it for the shards in their order, from one thread.
   */
  void updateRunning(float rate) {
    for (int c = 0; c < mean.length; c++) {
      runningMean[c] += rate * (mean[c] - runningMean[c]);
      runningVariance[c] += rate * (variance[c] - runningVariance[c]);
    }
  }

  private static void standardise(float[] x, float mean, float inverse, float[] out) {
    for (int i = 0; i < x.length; i++) {
      out[i] = (x[i] - mean) * inverse;
    }
  }

  private static void stretch(float[] x, float scale, float shift, float[] out) {
    for (int i = 0; i < x.length; i++) {
      out[i] = x[i] * scale + shift;
    }
  }

  // Four sums side by side: one alone would wait for each addition before the next.

  private static double sum(float[] x) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 4 <= x.length; i += 4) {
      s0 += x[i];
      s1 += x[i + 1];
      s2 += x[i + 2];
      s3 += x[i + 3];
    }
    for (; i < x.length; i++) {
      s0 += x[i];
    }
    return s0 + s1 + (s2 + s3);
  }

  private static double sumOfSquares(float[] x, float mean) {
    double s0 = 0;
    double s1 = 0;
    int i = 0;
    for (; i + 2 <= x.length; i += 2) {
      double a = x[i] - mean;
      double b = x[i + 1] - mean;
      s0 += a * a;
      s1 += b * b;
    }
    for (; i < x.length; i++) {
      double a = x[i] - mean;
      s0 += a * a;
    }
    return s0 + s1;
  }

  private static double sumOfProducts(float[] x, float[] y) {
    double s0 = 0;
    double s1 = 0;
    int i = 0;
    for (; i + 2 <= x.length; i += 2) {
      s0 += (double) x[i] * y[i];
      s1 += (double) x[i + 1] * y[i + 1];
    }
    for (; i < x.length; i++) {
      s0 += (double) x[i] * y[i];
    }
    return s0 + s1;
  }
}
