package dev.sluice.converter.precision;

import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Finds squares and what becomes of them. FLOAT16 ends at 65504, so a square is infinite past 256;
 * and it is zero below 2^-13, where a root or a logarithm would still tell numbers apart.
 *
 * <ul>
 *   <li>Normalizations that are spelt out as single operators: {@code d = x - mean(x)}, {@code d /
 *       sqrt(mean(d d) + epsilon)}, those without a mean (RMS), and those by a norm (L2). ONNX's
 *       LayerNormalization computes all of that in FLOAT whatever the type of its input ({@code
 *       stash_type}), and TensorRT's layer does so, too. Beside the squares, epsilon would drown,
 *       and the reciprocal of a small deviation overflow.
 *   <li>Magnitudes and powers: {@code sqrt(re re + im im)}, {@code log(x x + epsilon)}.
 * </ul>
 *
 * <pre>
 *   x --- ReduceMean --- Sub --- Mul(d,d) --- ReduceMean --- Add --- Sqrt --- Div --- y
 *    \________________/   \____________________________________________________/
 * </pre>
 *
 * <p>Thread safety: used by one thread.
 */
final class SquareNodes {
  private static final String STATISTICS =
      "is part of a normalization's statistics, which are FLOAT in ONNX's own, too";
  private static final String POWER = "is part of a root or logarithm of squares";

  private static final Set<String> MEANS = Set.of("ReduceMean", "ReduceSum");
  private static final Set<String> NORMS = Set.of("ReduceL2", "ReduceSumSquare");
  private static final Set<String> ROOTS = Set.of("Sqrt", "Log");

  /** What may stand between a sum of squares and the division by it, beside constants. */
  private static final Set<String> LINKS =
      Set.of(
          "Add",
          "Max",
          "Clip",
          "Mul",
          "Div",
          "Sqrt",
          "Reciprocal",
          "Pow",
          "Identity",
          "Expand",
          "Unsqueeze",
          "Reshape");

  /** What may stand between squares and the root of them. */
  private static final Set<String> SUMS =
      Set.of("Add", "Sum", "Max", "Clip", "Identity", "Unsqueeze", "Squeeze", "Reshape");

  private final Graph graph;
  private final HalfConstants constants;
  private final Map<Integer, String> found = new HashMap<>();

  private SquareNodes(Graph graph, HalfConstants constants) {
    this.graph = graph;
    this.constants = constants;
  }

  /** What each node is part of, by its index. */
  static Map<Integer, String> find(Graph graph, HalfConstants constants) {
    SquareNodes squares = new SquareNodes(graph, constants);
    for (int i = 0; i < graph.nodes().size(); i++) {
      squares.reduction(i);
    }
    for (int i = 0; i < graph.nodes().size(); i++) {
      Map<Integer, Boolean> sums = new HashMap<>();
      if (isOneOf(graph.nodes().get(i), ROOTS)
          && squares.sums(graph.nodes().get(i).getInput(0), sums)) {
        squares.found.putIfAbsent(i, POWER);
        sums.forEach((index, isSum) -> {
          if (isSum) {
            squares.found.putIfAbsent(index, POWER);
          }
        });
      }
    }
    return squares.found;
  }

  private static boolean isOneOf(NodeProto node, Set<String> operators) {
    return Graph.isStandard(node) && operators.contains(node.getOpType());
  }

  private void reduction(int index) {
    NodeProto node = graph.nodes().get(index);
    if (isOneOf(node, NORMS)) {
      found.put(index, STATISTICS);
      deviation(node.getInput(0), node.getOutput(0));
    } else if (isOneOf(node, MEANS)) {
      int square = graph.producer(node.getInput(0));
      if (square >= 0 && isSquare(graph.nodes().get(square))) {
        found.put(index, STATISTICS);
        found.put(square, STATISTICS);
        deviation(graph.nodes().get(square).getInput(0), node.getOutput(0));
      }
    }
  }

  private boolean isSquare(NodeProto node) {
    if (!Graph.isStandard(node) || node.getInputCount() != 2) {
      return false;
    }
    return switch (node.getOpType()) {
      case "Mul" -> node.getInput(0).equals(node.getInput(1));
      case "Pow" -> constants.is(node.getInput(1), 2);
      default -> false;
    };
  }

  /** What is squared, and what follows from the sum of the squares. */
  private void deviation(String base, String sum) {
    Set<String> bases = new HashSet<>(List.of(base));
    int sub = graph.producer(base);
    if (sub >= 0 && isOneOf(graph.nodes().get(sub), Set.of("Sub"))) {
      NodeProto difference = graph.nodes().get(sub);
      int mean = graph.producer(difference.getInput(1));
      if (mean >= 0
          && isOneOf(graph.nodes().get(mean), MEANS)
          && graph.nodes().get(mean).getInput(0).equals(difference.getInput(0))) {
        found.put(sub, STATISTICS);
        found.put(mean, STATISTICS);
        bases.add(difference.getInput(0));
      }
    }
    Deque<String> open = new ArrayDeque<>(List.of(sum));
    while (!open.isEmpty()) {
      String value = open.remove();
      for (int taker : graph.consumers(value)) {
        NodeProto node = graph.nodes().get(taker);
        if (isOneOf(node, Set.of("Div", "Mul"))
            && node.getInputList().stream().anyMatch(bases::contains)) {
          found.put(taker, STATISTICS);
        } else if (isLink(node, value) && found.put(taker, STATISTICS) == null) {
          open.add(node.getOutput(0));
        }
      }
    }
  }

  private boolean isLink(NodeProto node, String value) {
    return isOneOf(node, LINKS)
        && node.getInputList().stream()
            .allMatch(input ->
                input.isEmpty()
                    || input.equals(value)
                    || graph.constant(input) != null
                    || !constants.isFloat(input));
  }

  /** Whether squares are among what a value is the sum of; notes that of each node on the way. */
  private boolean sums(String value, Map<Integer, Boolean> seen) {
    int producer = graph.producer(value);
    if (producer < 0 || graph.constant(value) != null) {
      return false;
    }
    Boolean before = seen.get(producer);
    if (before != null) {
      return before;
    }
    NodeProto node = graph.nodes().get(producer);
    boolean squares = isSquare(node);
    if (isOneOf(node, SUMS)) {
      for (String input : node.getInputList()) {
        squares |= sums(input, seen);
      }
    }
    seen.put(producer, squares);
    return squares;
  }
}
