package dev.sluice.bench.models;

import dev.sluice.engine.Shape;

/**
 * An architecture of a given size, which is made into a model of a dynamic or a fixed batch.
 *
 * <p>Thread safety: implementations are immutable.
 */
public interface Network {
  /**
   * The graph.
   *
   * @param batch rows of every input and output, which the name tells then, as in {@code
   *     resnet50-batch4}; or {@link Shape#DYNAMIC}. The weights of a seed are the same
   * @throws IllegalArgumentException where it is neither
   */
  GeneratedModel model(long batch);

  /** The graph of a dynamic batch. */
  default GeneratedModel model() {
    return model(Shape.DYNAMIC);
  }
}
