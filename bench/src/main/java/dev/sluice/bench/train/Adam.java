package dev.sluice.bench.train;

import java.util.List;

/**
 * Adam with decoupled weight decay (Kingma and Ba, "Adam: A Method for Stochastic Optimization";
 * Loshchilov and Hutter, "Decoupled Weight Decay Regularization").
 *
 * <p>Not thread-safe; see {@link Optimiser}.
 */
final class Adam extends Optimiser {
  private static final float MEAN_KEPT = 0.9f;
  private static final float SQUARE_KEPT = 0.98f;
  private static final float EPSILON = 1e-8f;

  private final float decay;
  private final List<float[][]> means;
  private final List<float[][]> squares;
  private double meanWeight = 1;
  private double squareWeight = 1;

  /**
   * An optimiser that has seen nothing.
   *
   * @param shards see {@link Optimiser}
   * @param decay pulls the weights that decay towards zero, times the learning rate
   */
  Adam(List<List<Parameter>> shards, double decay) {
    super(shards);
    this.decay = (float) decay;
    means = zeros();
    squares = zeros();
  }

  @Override
  void step(float rate, int samples) {
    meanWeight *= MEAN_KEPT;
    squareWeight *= SQUARE_KEPT;
    float meanScale = (float) (1 / (1 - meanWeight));
    float squareScale = (float) (1 / (1 - squareWeight));
    float perSample = 1f / samples;
    for (int p = 0; p < means.size(); p++) {
      Parameter parameter = parameters().get(p);
      float pull = parameter.decays() ? decay : 0;
      for (int r = 0; r < parameter.value().length; r++) {
        float[] value = parameter.value()[r];
        float[] mean = means.get(p)[r];
        float[] square = squares.get(p)[r];
        for (int i = 0; i < value.length; i++) {
          float gradient = sum(p, r, i) * perSample;
          mean[i] = MEAN_KEPT * mean[i] + (1 - MEAN_KEPT) * gradient;
          square[i] = SQUARE_KEPT * square[i] + (1 - SQUARE_KEPT) * gradient * gradient;
          float deviation = (float) Math.sqrt(square[i] * squareScale) + EPSILON;
          value[i] -= rate * (mean[i] * meanScale / deviation + pull * value[i]);
        }
      }
    }
  }
}
