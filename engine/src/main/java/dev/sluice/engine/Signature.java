package dev.sluice.engine;

import java.util.List;

/**
 * The inputs and outputs of a model, in the order of its graph.
 *
 * <p>Thread safety: immutable.
 *
 * @param inputs what a caller writes
 * @param outputs what a caller reads
 */
public record Signature(List<TensorSpec> inputs, List<TensorSpec> outputs) {
  /** Copies the lists. */
  public Signature {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
  }

  /**
   * The index of the input with this name.
   *
   * @throws IllegalArgumentException naming the inputs that there are
   */
  public int inputIndex(String name) {
    return index(inputs, name, "input");
  }

  /**
   * The index of the output with this name.
   *
   * @throws IllegalArgumentException naming the outputs that there are
   */
  public int outputIndex(String name) {
    return index(outputs, name, "output");
  }

  private static int index(List<TensorSpec> specs, String name, String kind) {
    for (int i = 0; i < specs.size(); i++) {
      if (specs.get(i).name().equals(name)) {
        return i;
      }
    }
    throw new IllegalArgumentException(
        "no "
            + kind
            + " is named '"
            + name
            + "'; the "
            + kind
            + "s are "
            + specs.stream().map(TensorSpec::toString).toList());
  }
}
