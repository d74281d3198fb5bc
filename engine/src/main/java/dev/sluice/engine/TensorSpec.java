package dev.sluice.engine;

import dev.sluice.bindings.ElementType;
import java.util.Objects;

/**
 * Name, element type and declared shape of one input or output of a model.
 *
 * <p>Thread safety: immutable.
 *
 * @param name the name in the ONNX graph
 * @param type the element type
 * @param shape the declared shape; {@link Shape#DYNAMIC} for dimensions known only at run time
 */
public record TensorSpec(String name, ElementType type, Shape shape) {
  /** Checks that nothing is null. */
  public TensorSpec {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(shape, "shape");
  }

  @Override
  public String toString() {
    return name + ": " + type + shape;
  }
}
