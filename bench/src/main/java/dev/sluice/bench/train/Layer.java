package dev.sluice.bench.train;

import java.util.function.Consumer;

/**
 * A step of the network with its gradient, for a fixed number of samples. What {@link #forward} and
 * {@link #backward} return belongs to the layer and is overwritten by the next call.
 *
 * <p>Implementations are not thread-safe.
 */
interface Layer {
  /** Computes the layer's output and keeps what the gradient needs. */
  Planes forward(Planes input);

  /**
   * Computes the gradients of the layer's weights, replacing the last ones.
   *
   * @param gradient of the loss by the output of the last {@link #forward}; may be written to
   * @return the gradient by its input, or null where the layer was told that nobody needs it
   */
  Planes backward(Planes gradient);

  /** Hands out each trainable matrix of the layer. */
  default void parameters(Consumer<Parameter> visitor) {}
}
