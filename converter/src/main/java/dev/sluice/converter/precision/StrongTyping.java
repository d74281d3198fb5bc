package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Checks a graph against what TensorRT asks of a strongly typed network, as far as the graph alone
 * tells it: the types of what an operator takes, and {@link QuantizationRules where and how it is
 * quantized}. TensorRT's own parser tells the first problem it meets, on a machine with a GPU; this
 * tells all of them, anywhere. Graphs inside of nodes, and operators that are not the standard's,
 * are not looked into.
 *
 * <p>Thread safety: stateless.
 */
public final class StrongTyping {
  /** Operators that take inputs of real numbers that are no data, or of any type. */
  private static final Set<String> MIXED =
      Set.of(
          "Cast",
          "CastLike",
          "Dropout",
          "OneHot",
          "QuantizeLinear",
          "DequantizeLinear",
          "Resize",
          "Upsample");

  private StrongTyping() {}

  /**
   * What TensorRT will not take.
   *
   * @param weights finds the bytes of constants
   * @return one sentence each, that names the node, its operator, the tensor, and what to do; empty
   *     where nothing speaks against the graph
   * @throws dev.sluice.converter.onnx.ModelException when a constant can't be read
   */
  public static List<String> problems(Graph graph, NewWeights weights) throws IOException {
    List<String> problems = new ArrayList<>();
    for (String input : graph.inputs()) {
      if (type(graph, input) == ElementType.DOUBLE) {
        problems.add(
            "the input '"
                + input
                + "' is DOUBLE, which TensorRT does not compute in; make it FLOAT");
      }
    }
    QuantizationRules quantization = new QuantizationRules(graph, weights);
    for (NodeProto node : graph.nodes()) {
      if (Graph.isStandard(node) && !Graph.hasSubgraphs(node)) {
        types(graph, node).stream().map(text -> sentence(node, text)).forEach(problems::add);
        quantization.check(node).stream().map(text -> sentence(node, text)).forEach(problems::add);
      }
    }
    return problems;
  }

  private static String sentence(NodeProto node, String text) {
    return "the node " + OnnxModel.describe(node) + " " + text;
  }

  private static List<String> types(Graph graph, NodeProto node) {
    List<String> problems = new ArrayList<>();
    for (String output : node.getOutputList()) {
      if (type(graph, output) == ElementType.DOUBLE) {
        problems.add(
            "makes '" + output + "' DOUBLE, which TensorRT does not compute in; make it FLOAT");
      }
    }
    Map<ElementType, String> taken = new LinkedHashMap<>();
    for (String input : node.getInputList()) {
      ElementType type = type(graph, input);
      if (type == ElementType.DOUBLE && graph.constant(input) != null) {
        problems.add(
            "takes the constant '"
                + input
                + "' of DOUBLE, which TensorRT does not compute in; make it FLOAT");
      } else if (type == ElementType.FLOAT || (type != null && HalfFormat.isHalf(type))) {
        taken.putIfAbsent(type, input);
      }
    }
    if (taken.size() > 1 && !MIXED.contains(node.getOpType())) {
      List<String> which = new ArrayList<>();
      taken.forEach((type, input) -> which.add("'" + input + "' of " + type));
      problems.add(
          "takes "
              + String.join(" and ", which)
              + ", and a strongly typed network takes one type of real numbers there; put a Cast"
              + " before it");
    }
    return problems;
  }

  static ElementType type(Graph graph, String value) {
    OnnxModel.Value type = graph.type(value);
    return type == null ? null : type.type();
  }
}
