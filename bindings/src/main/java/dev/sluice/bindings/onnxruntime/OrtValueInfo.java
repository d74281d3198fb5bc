package dev.sluice.bindings.onnxruntime;

import dev.sluice.bindings.ElementType;
import java.util.List;

/**
 * What a model declares of one input or output.
 *
 * <p>Thread safety: immutable.
 *
 * @param name its name in the graph
 * @param kind tensor or something else
 * @param type the element type of a tensor; null for another kind
 * @param hasShape whether the model tells the rank; without it {@code dims} is empty
 * @param dims the dimensions of a tensor; -1 for a dynamic one
 * @param symbols the names of the dynamic dimensions; empty where a dimension has none
 */
public record OrtValueInfo(
    String name,
    OnnxType kind,
    ElementType type,
    boolean hasShape,
    List<Long> dims,
    List<String> symbols) {
  /** Copies the lists. */
  public OrtValueInfo {
    dims = List.copyOf(dims);
    symbols = List.copyOf(symbols);
  }
}
