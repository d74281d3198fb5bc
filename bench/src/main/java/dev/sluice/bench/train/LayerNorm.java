package dev.sluice.bench.train;

import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Normalises the channels at each place of the planes to a mean of zero and a variance of one, and
 * then scales and shifts each channel.
 *
 * <p>Not thread-safe.
 */
final class LayerNorm implements Layer {
  /** Added to each variance. */
  static final float EPSILON = 1e-5f;

  private final Parameter scale;
  private final Parameter shift;
  private final float[] mean;
  private final float[] inverseDeviation;
  private final float[] gradientSum;
  private final float[] productSum;
  private final Planes normalised;
  private final Planes output;
  private final Planes inputGradient;

  LayerNorm(String name, Weights shared, Planes like) {
    int channels = like.channels();
    shared.row(name + ".scale", channels, 1);
    shared.row(name + ".shift", channels, 0);
    scale = new Parameter(name + ".scale", shared.get(name + ".scale"), false);
    shift = new Parameter(name + ".shift", shared.get(name + ".shift"), false);
    mean = new float[like.length()];
    inverseDeviation = new float[like.length()];
    gradientSum = new float[like.length()];
    productSum = new float[like.length()];
    normalised = like.like();
    output = like.like();
    inputGradient = like.like();
  }

  @Override
  public Planes forward(Planes in) {
    int channels = in.channels();
    Arrays.fill(mean, 0);
    for (float[] row : in.rows()) {
      for (int i = 0; i < mean.length; i++) {
        mean[i] += row[i];
      }
    }
    for (int i = 0; i < mean.length; i++) {
      mean[i] /= channels;
    }
    Arrays.fill(inverseDeviation, 0);
    for (float[] row : in.rows()) {
      for (int i = 0; i < mean.length; i++) {
        float away = row[i] - mean[i];
        inverseDeviation[i] += away * away;
      }
    }
    for (int i = 0; i < mean.length; i++) {
      inverseDeviation[i] = (float) (1 / Math.sqrt(inverseDeviation[i] / channels + EPSILON));
    }
    for (int c = 0; c < channels; c++) {
      float[] row = in.rows()[c];
      float[] x = normalised.rows()[c];
      float[] out = output.rows()[c];
      float factor = scale.value()[0][c];
      float offset = shift.value()[0][c];
      for (int i = 0; i < mean.length; i++) {
        x[i] = (row[i] - mean[i]) * inverseDeviation[i];
        out[i] = x[i] * factor + offset;
      }
    }
    return output;
  }

  @Override
  public Planes backward(Planes gradient) {
    int channels = gradient.channels();
    Arrays.fill(gradientSum, 0);
    Arrays.fill(productSum, 0);
    for (int c = 0; c < channels; c++) {
      float[] g = gradient.rows()[c];
      float[] x = normalised.rows()[c];
      float factor = scale.value()[0][c];
      float total = 0;
      float product = 0;
      for (int i = 0; i < g.length; i++) {
        total += g[i];
        product += g[i] * x[i];
      }
      shift.gradient()[0][c] = total;
      scale.gradient()[0][c] = product;
      for (int i = 0; i < g.length; i++) {
        float scaled = factor * g[i];
        gradientSum[i] += scaled;
        productSum[i] += scaled * x[i];
      }
    }
    float each = 1f / channels;
    for (int c = 0; c < channels; c++) {
      float[] g = gradient.rows()[c];
      float[] x = normalised.rows()[c];
      float[] out = inputGradient.rows()[c];
      float factor = scale.value()[0][c];
      for (int i = 0; i < g.length; i++) {
        out[i] =
            inverseDeviation[i]
                * (factor * g[i] - each * gradientSum[i] - x[i] * (each * productSum[i]));
      }
    }
    return inputGradient;
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    visitor.accept(scale);
    visitor.accept(shift);
  }
}
