package dev.sluice.bench.train;

import java.util.ArrayList;
import java.util.List;

/**
 * Stochastic gradient descent with Nesterov's momentum and weight decay, over the gradients of
 * several networks that share their weights.
 *
 * <p>Not thread-safe; no network over the weights may run during {@link #step}.
 */
final class Descent {
  private static final float MOMENTUM = 0.9f;

  private final List<List<Parameter>> shards;
  private final float decay;
  private final List<float[][]> velocities = new ArrayList<>();

  /**
   * A descent from rest.
   *
   * @param shards the networks' parameters; gradients are added in this order
   * @param decay pulls the weights that decay towards zero, coupled to the gradient
   */
  Descent(List<List<Parameter>> shards, double decay) {
    this.shards = List.copyOf(shards);
    this.decay = (float) decay;
    for (Parameter parameter : shards.getFirst()) {
      velocities.add(new float[parameter.value().length][parameter.value()[0].length]);
    }
  }

  /**
   * Moves the weights once.
   *
   * @param rate learning rate
   * @param samples how many samples the gradients are summed over
   */
  void step(float rate, int samples) {
    float perSample = 1f / samples;
    for (int p = 0; p < velocities.size(); p++) {
      Parameter parameter = shards.getFirst().get(p);
      float pull = parameter.decays() ? decay : 0;
      for (int r = 0; r < parameter.value().length; r++) {
        float[] value = parameter.value()[r];
        float[] velocity = velocities.get(p)[r];
        for (int i = 0; i < value.length; i++) {
          float sum = 0;
          for (List<Parameter> shard : shards) {
            sum += shard.get(p).gradient()[r][i];
          }
          float gradient = sum * perSample + pull * value[i];
          velocity[i] = MOMENTUM * velocity[i] + gradient;
          value[i] -= rate * (gradient + MOMENTUM * velocity[i]);
        }
      }
    }
  }
}
