package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.GraphEdit;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes of a graph with values of FLOAT16 or BFLOAT16 one that computes in FLOAT and rounds each of
 * these values, so that ONNX Runtime's CPU gives what a GPU gives. As it is, it would not: it has
 * few operators of FLOAT16 and next to none of BFLOAT16, and computes others in FLOAT from end to
 * end, so that 1000 times 300 by 300 is 1000 and not infinity.
 *
 * <p>Each operator computes in FLOAT, constants hold the rounded numbers as FLOAT, and each result
 * that was of 16 bits goes through a pair of Casts, to its type and back, unless the operator only
 * passes on what has been rounded. ONNX Runtime's optimizer leaves such pairs alone, since they
 * change values. That is what GPUs do whose kernels add up in FLOAT; where one adds up in 16 bits,
 * it is worse than this.
 *
 * <p>Inputs and outputs of the graph keep their types. Nodes with graphs inside, and operators that
 * are not the standard's, take and give their values as they are.
 *
 * <p>Thread safety: stateless.
 */
public final class HalfEmulation {
  /** Attributes that hold the code of an element type. */
  private static final Set<String> CODES = Set.of("to", "dtype", "output_dtype", "output_datatype");

  private HalfEmulation() {}

  /**
   * The graph that computes in FLOAT.
   *
   * @param weights finds the bytes of constants, and keeps new ones
   * @throws dev.sluice.converter.onnx.ModelException when a constant can't be read
   */
  public static Graph of(Graph graph, NewWeights weights) throws IOException {
    return new Run(graph, weights).graph();
  }

  /** One run. */
  private static final class Run {
    private final Graph graph;
    private final GraphEdit edit;
    private final NewWeights weights;
    private final Retyping retyping;

    Run(Graph graph, NewWeights weights) {
      this.graph = graph;
      this.edit = graph.edit();
      this.weights = weights;
      this.retyping = new Retyping(graph, edit, weights);
    }

    Graph graph() throws IOException {
      for (NodeProto node : graph.nodes()) {
        if (isConstant(node)) {
          continue;
        }
        ElementType taken = isForeign(node) ? null : ElementType.FLOAT;
        for (String value : Graph.taken(node)) {
          if (isHalf(value)) {
            retyping.need(value, taken == null ? type(value) : taken);
          }
        }
        for (String value : node.getOutputList()) {
          if (isHalf(value) && taken != null) {
            retyping.home(value, taken);
          }
        }
      }
      graph.outputs().stream()
          .filter(this::isHalf)
          .forEach(value -> retyping.output(value, type(value)));
      retyping.settle();
      for (int i = 0; i < graph.nodes().size(); i++) {
        NodeProto node = graph.nodes().get(i);
        retyping.put(i, isConstant(node) ? List.of(node) : emulated(node));
      }
      return edit.build();
    }

    private boolean isConstant(NodeProto node) {
      return node.getOutputCount() == 1 && graph.constant(node.getOutput(0)) != null;
    }

    /** Whether nothing is known of what a node computes. */
    private static boolean isForeign(NodeProto node) {
      return !Graph.isStandard(node) || Graph.hasSubgraphs(node);
    }

    private boolean isHalf(String value) {
      OnnxModel.Value type = graph.type(value);
      return type != null && HalfFormat.isHalf(type.type());
    }

    private ElementType type(String value) {
      return graph.type(value).type();
    }

    private List<NodeProto> emulated(NodeProto node) throws IOException {
      boolean foreign = isForeign(node);
      Map<String, String> names = new HashMap<>();
      for (String value : Graph.taken(node)) {
        if (isHalf(value)) {
          names.put(value, retyping.name(value, foreign ? type(value) : ElementType.FLOAT));
        }
      }
      NodeProto.Builder single = Retyping.renamed(node, names).toBuilder();
      List<NodeProto> pairs = new ArrayList<>();
      for (int i = 0; i < node.getOutputCount(); i++) {
        String value = node.getOutput(i);
        if (!isHalf(value)) {
          continue;
        }
        String name = retyping.name(value, retyping.home(value));
        if (!foreign && !HalfRules.isExact(node)) {
          String exact = edit.freshName(value + "_exact");
          String rounded = edit.freshName(value + "_rounded");
          single.setOutput(i, exact);
          pairs.add(retyping.cast(exact, rounded, type(value)));
          pairs.add(retyping.cast(rounded, name, ElementType.FLOAT));
        } else {
          single.setOutput(i, name);
        }
      }
      List<NodeProto> nodes = new ArrayList<>();
      nodes.add(foreign ? single.build() : inFloat(single));
      nodes.addAll(pairs);
      return nodes;
    }

    /** The node with FLOAT in the place of 16 bits in its attributes. */
    private NodeProto inFloat(NodeProto.Builder node) throws IOException {
      for (AttributeProto.Builder attribute : node.getAttributeBuilderList()) {
        if (CODES.contains(attribute.getName()) && isHalfCode((int) attribute.getI())) {
          attribute.setI(ElementType.FLOAT.code());
        }
        if (attribute.hasT() && isHalfCode(attribute.getT().getDataType())) {
          TensorProto tensor = attribute.getT();
          attribute.setT(Retyping.converted(tensor, tensor.getName(), ElementType.FLOAT, weights));
        }
      }
      return node.build();
    }

    private static boolean isHalfCode(int code) {
      return code == ElementType.FLOAT16.code() || code == ElementType.BFLOAT16.code();
    }
  }
}
