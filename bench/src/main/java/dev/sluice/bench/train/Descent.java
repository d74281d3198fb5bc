package dev.sluice.bench.train;

import java.util.List;

/**
 * Stochastic gradient descent with Nesterov's momentum and weight decay.
 *
 * <p>Not thread-safe; see {@link Optimiser}.
 */
final class Descent extends Optimiser {
  private static final float MOMENTUM = 0.9f;

  private final float decay;
  private final List<float[][]> velocities;

  /**
   * A descent from rest.
   *
   * @param shards see {@link Optimiser}
   * @param decay pulls the weights that decay towards zero, coupled to the gradient
   */
  Descent(List<List<Parameter>> shards, double decay) {
    super(shards);
    this.decay = (float) decay;
    velocities = zeros();
  }

  @Override
  void step(float rate, int samples) {
    float perSample = 1f / samples;
    for (int p = 0; p < velocities.size(); p++) {
      Parameter parameter = parameters().get(p);
      float pull = parameter.decays() ? decay : 0;
      for (int r = 0; r < parameter.value().length; r++) {
        float[] value = parameter.value()[r];
        float[] velocity = velocities.get(p)[r];
        for (int i = 0; i < value.length; i++) {
          float gradient = sum(p, r, i) * perSample + pull * value[i];
          velocity[i] = MOMENTUM * velocity[i] + gradient;
          value[i] -= rate * (gradient + MOMENTUM * velocity[i]);
        }
      }
    }
  }
}
