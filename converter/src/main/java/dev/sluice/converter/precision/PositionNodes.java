package dev.sluice.converter.precision;

import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Finds FLOAT nodes that compute with extents and positions rather than with data: numbers that
 * count. FLOAT16 counts to 2048 and BFLOAT16 to 256; what comes out of such a node as a shape, an
 * index or the angle of a position would be another one.
 *
 * <ul>
 *   <li>What follows from Shape and Size alone, as soon as it is FLOAT, until data comes in.
 *   <li>Sin and Cos with what leads to them, where that follows from whole numbers and constants
 *       alone, whoever gives the whole numbers.
 * </ul>
 *
 * <p>Thread safety: used by one thread.
 */
final class PositionNodes {
  /** Operators that make FLOAT out of whole numbers. */
  private static final Set<String> COUNTS = Set.of("Cast", "Range");

  /** What may stand between positions and their angles. */
  private static final Set<String> LINKS =
      Set.of(
          "Add",
          "Sub",
          "Mul",
          "Div",
          "MatMul",
          "Einsum",
          "Concat",
          "Unsqueeze",
          "Squeeze",
          "Reshape",
          "Transpose",
          "Expand",
          "Tile",
          "Identity",
          "Cast",
          "Range");

  private final Graph graph;
  private final HalfConstants constants;
  private final Map<Integer, String> found = new LinkedHashMap<>();

  private PositionNodes(Graph graph, HalfConstants constants) {
    this.graph = graph;
    this.constants = constants;
  }

  /** What each node computes with, by its index. */
  static Map<Integer, String> find(Graph graph, HalfConstants constants) {
    PositionNodes positions = new PositionNodes(graph, constants);
    positions.shapes();
    positions.angles();
    return positions.found;
  }

  private void shapes() {
    Set<String> counted = new HashSet<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      NodeProto node = graph.nodes().get(i);
      if (!Graph.isStandard(node) || Graph.hasSubgraphs(node)) {
        continue;
      }
      if (node.getOpType().equals("Shape") || node.getOpType().equals("Size")) {
        counted.add(node.getOutput(0));
        continue;
      }
      List<String> values =
          node.getInputList().stream()
              .filter(input -> !input.isEmpty() && graph.constant(input) == null)
              .toList();
      if (values.isEmpty() || !counted.containsAll(values)) {
        continue;
      }
      boolean real = values.stream().anyMatch(constants::isFloat);
      boolean makesReal = real || COUNTS.contains(node.getOpType());
      for (String output : node.getOutputList()) {
        if (constants.isFloat(output) ? makesReal : !output.isEmpty()) {
          counted.add(output);
          if (real || constants.isFloat(output)) {
            found.put(i, "computes with extents of shapes");
          }
        }
      }
    }
  }

  private void angles() {
    for (int i = 0; i < graph.nodes().size(); i++) {
      NodeProto node = graph.nodes().get(i);
      boolean periodic = node.getOpType().equals("Sin") || node.getOpType().equals("Cos");
      if (periodic && Graph.isStandard(node) && !found.containsKey(i)) {
        Set<Integer> chain = new HashSet<>(Set.of(i));
        if (counts(node.getInput(0), chain)) {
          chain.forEach(index -> found.putIfAbsent(index, "computes the angles of positions"));
        }
      }
    }
  }

  /** Whether a FLOAT value follows from whole numbers and constants alone. */
  private boolean counts(String value, Set<Integer> chain) {
    if (graph.constant(value) != null) {
      return true;
    }
    int producer = graph.producer(value);
    if (producer < 0) {
      return false;
    }
    NodeProto node = graph.nodes().get(producer);
    if (!Graph.isStandard(node) || !LINKS.contains(node.getOpType())) {
      return false;
    }
    if (!chain.add(producer)) {
      return true;
    }
    return node.getInputList().stream()
        .filter(constants::isFloat)
        .allMatch(input -> counts(input, chain));
  }
}
