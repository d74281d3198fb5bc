package dev.sluice.engine.backend;

import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import java.util.List;

/**
 * What requests must agree on to share a batch: the static shape of every input for one row. For a
 * batched model axis 0 of each is 1; for another it is the whole shape.
 *
 * <p>Thread safety: immutable.
 *
 * @param inputs one static shape per input of the model
 */
public record ShapeKey(List<Shape> inputs) {
  /** Copies and checks the shapes. */
  public ShapeKey {
    inputs = List.copyOf(inputs);
    for (Shape shape : inputs) {
      if (!shape.isStatic()) {
        throw new IllegalArgumentException("a shape key has no dynamic dimension, but: " + inputs);
      }
    }
  }

  /**
   * The key of a model whose inputs have no dynamic dimension (but for the batch axis of a batched
   * one).
   *
   * @param batched whether axis 0 of every input is the batch
   * @return the key, or null where a dimension is dynamic and the caller has to give it
   */
  public static ShapeKey ofDeclared(Signature signature, boolean batched) {
    List<Shape> shapes =
        signature.inputs().stream()
            .map(spec -> batched ? spec.shape().withDim(0, 1) : spec.shape())
            .toList();
    return shapes.stream().allMatch(Shape::isStatic) ? new ShapeKey(shapes) : null;
  }
}
