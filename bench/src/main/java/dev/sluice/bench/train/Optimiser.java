package dev.sluice.bench.train;

import java.util.ArrayList;
import java.util.List;

/**
 * Moves weights against the gradients of several networks that share them.
 *
 * <p>Not thread-safe; no network over the weights may run during {@link #step}.
 */
abstract class Optimiser {
  private final List<List<Parameter>> shards;

  /** The ways there are. */
  enum Method {
    /** {@link Descent}. */
    DESCENT,
    /** {@link Adam}. */
    ADAM;

    /** See {@link Optimiser#Optimiser}; {@code decay} is as the method has it. */
    Optimiser over(List<List<Parameter>> shards, double decay) {
      return switch (this) {
        case DESCENT -> new Descent(shards, decay);
        case ADAM -> new Adam(shards, decay);
      };
    }
  }

  /**
   * An optimiser at rest.
   *
   * @param shards the networks' parameters; gradients are added in this order
   */
  Optimiser(List<List<Parameter>> shards) {
    this.shards = List.copyOf(shards);
  }

  /**
   * Moves the weights once.
   *
   * @param rate learning rate
   * @param samples how many samples the gradients are summed over
   */
  abstract void step(float rate, int samples);

  /** The parameters as the first network has them. */
  final List<Parameter> parameters() {
    return shards.getFirst();
  }

  /** A gradient's sum over the networks. */
  final float sum(int parameter, int row, int column) {
    float sum = 0;
    for (List<Parameter> shard : shards) {
      sum += shard.get(parameter).gradient()[row][column];
    }
    return sum;
  }

  /** Zeros, as large as each of the parameters. */
  final List<float[][]> zeros() {
    List<float[][]> zeros = new ArrayList<>();
    for (Parameter parameter : parameters()) {
      zeros.add(new float[parameter.value().length][parameter.value()[0].length]);
    }
    return zeros;
  }
}
