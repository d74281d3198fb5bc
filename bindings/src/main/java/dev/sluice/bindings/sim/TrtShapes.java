package dev.sluice.bindings.sim;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;

/**
 * The shapes of a plan's outputs for shapes of its inputs. A dimension is told by the model, or by
 * a name that it shares with one of an input, or by the values of data, where an operator of {@link
 * #BY_DATA} lies before the output; else it is what a run on zeros gives.
 *
 * <p>Thread safety: immutable.
 */
final class TrtShapes {
  /** Operators whose outputs' shapes are decided by the values of their inputs. */
  private static final Set<String> BY_DATA =
      Set.of("NonZero", "NonMaxSuppression", "Unique", "Compress");

  /**
   * An output's shape.
   *
   * @param dims -1 where data decides
   * @param most the same with a bound in its place: as many as the largest input of the operators
   *     that decide has elements
   */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares or changes them
  record Shape(long[] dims, long[] most) {
    boolean isByData() {
      return Arrays.stream(dims).anyMatch(dim -> dim < 0);
    }
  }

  private final List<TrtTensor> tensors;

  /** Of each output that data may decide: the inputs of the operators that do. */
  private final Map<String, Set<String>> deciders = new LinkedHashMap<>();

  TrtShapes(List<TrtTensor> tensors, List<OnnxFile.Node> nodes) {
    this.tensors = tensors;
    Map<String, OnnxFile.Node> makers = new HashMap<>();
    nodes.forEach(node -> node.outputs().forEach(output -> makers.put(output, node)));
    for (TrtTensor tensor : tensors) {
      Set<String> found = tensor.isInput() ? Set.of() : deciders(tensor.name(), makers);
      if (!found.isEmpty()) {
        deciders.put(tensor.name(), found);
      }
    }
  }

  private static Set<String> deciders(String output, Map<String, OnnxFile.Node> makers) {
    Set<String> found = new TreeSet<>();
    Set<String> seen = new TreeSet<>(Set.of(output));
    Deque<String> open = new ArrayDeque<>(seen);
    while (!open.isEmpty()) {
      OnnxFile.Node node = makers.get(open.pop());
      if (node == null) {
        continue;
      }
      for (String input : node.inputs()) {
        if (!input.isEmpty() && BY_DATA.contains(node.operator())) {
          found.add(input);
        }
        if (!input.isEmpty() && seen.add(input)) {
          open.push(input);
        }
      }
    }
    return found;
  }

  /** The tensors, but for inputs and outputs, whose shapes bound those of outputs. */
  static List<String> inner(List<TrtTensor> tensors, OnnxFile file) {
    Set<String> inner = new TreeSet<>();
    new TrtShapes(tensors, file.nodes()).deciders.values().forEach(inner::addAll);
    tensors.forEach(tensor -> inner.remove(tensor.name()));
    inner.removeAll(file.weights().keySet());
    return List.copyOf(inner);
  }

  /**
   * The outputs' shapes by name.
   *
   * @param inputs the inputs' shapes by name, all of them
   * @param zeros the shapes of outputs and {@linkplain #inner inner} tensors of a run on zeros
   * @throws IllegalArgumentException where the inputs don't fit one another
   */
  Map<String, Shape> of(Map<String, long[]> inputs, Supplier<Map<String, long[]>> zeros) {
    Map<String, Long> known = symbols(inputs);
    Map<String, Shape> shapes = new HashMap<>();
    Map<String, long[]> measured = null;
    for (TrtTensor tensor : tensors) {
      if (tensor.isInput()) {
        continue;
      }
      long[] dims = tensor.dimensions();
      for (int i = 0; i < dims.length; i++) {
        dims[i] = dims[i] == -1 ? known.getOrDefault(tensor.symbols().get(i), -1L) : dims[i];
      }
      Shape shape = new Shape(dims, dims);
      if (shape.isByData()) {
        measured = measured == null ? zeros.get() : measured;
        shape = measure(tensor.name(), dims, inputs, measured);
      }
      shapes.put(tensor.name(), shape);
    }
    return shapes;
  }

  private Map<String, Long> symbols(Map<String, long[]> inputs) {
    Map<String, Long> known = new HashMap<>();
    for (TrtTensor tensor : tensors) {
      for (int i = 0; tensor.isInput() && i < tensor.dims().size(); i++) {
        String symbol = tensor.dims().get(i) == -1 ? tensor.symbols().get(i) : "";
        long dim = inputs.get(tensor.name())[i];
        Long other = symbol.isEmpty() ? null : known.put(symbol, dim);
        if (other != null && other != dim) {
          throw new IllegalArgumentException(symbol + " is " + other + " and " + dim);
        }
      }
    }
    return known;
  }

  /** The shape of an output with dimensions that no name tells. */
  private Shape measure(
      String output, long[] dims, Map<String, long[]> inputs, Map<String, long[]> measured) {
    Set<String> by = deciders.get(output);
    if (by == null) {
      return new Shape(measured.get(output), measured.get(output));
    }
    long bound = 1;
    for (String tensor : by) {
      long[] shape = inputs.containsKey(tensor) ? inputs.get(tensor) : measured.get(tensor);
      if (shape != null) {
        bound = Math.max(bound, Arrays.stream(shape).reduce(1, Math::multiplyExact));
      }
    }
    long most = bound;
    return new Shape(dims, Arrays.stream(dims).map(dim -> dim == -1 ? most : dim).toArray());
  }
}
