package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.GraphEdit;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Gives a graph inputs and outputs of another real type: what is inside stays as it is, behind a
 * Cast at each.
 *
 * <p>Thread safety: used by one thread.
 */
final class EdgeTypes {
  private final Graph graph;
  private final GraphEdit edit;
  private final ElementType from;
  private final ElementType to;
  private final Retyping retyping;

  private EdgeTypes(Graph graph, ElementType from, ElementType to, NewWeights weights) {
    this.graph = graph;
    this.edit = graph.edit();
    this.from = from;
    this.to = to;
    this.retyping = new Retyping(graph, edit, weights);
  }

  /**
   * The graph with other edges.
   *
   * @param from the type of the inputs and outputs that change
   * @param to what they get
   */
  static Graph of(Graph graph, ElementType from, ElementType to, NewWeights weights)
      throws IOException {
    return new EdgeTypes(graph, from, to, weights).graph();
  }

  private Graph graph() throws IOException {
    graph.inputs().stream().filter(this::isGiven).forEach(input -> retyping.home(input, to));
    for (NodeProto node : graph.nodes()) {
      Graph.taken(node).stream().filter(this::changes).forEach(name -> retyping.need(name, from));
    }
    graph.outputs().stream().filter(this::isFrom).forEach(name -> retyping.output(name, to));
    retyping.settle();
    for (int i = 0; i < graph.nodes().size(); i++) {
      retyping.put(i, List.of(renamed(graph.nodes().get(i))));
    }
    edit.mapInputs(input -> isGiven(input.getName()) ? retyped(input) : input);
    edit.mapOutputs(output -> isFrom(output.getName()) ? retyped(output) : output);
    return edit.build();
  }

  private NodeProto renamed(NodeProto node) {
    Map<String, String> names = new HashMap<>();
    Graph.taken(node).stream()
        .filter(this::changes)
        .forEach(name -> names.put(name, retyping.name(name, from)));
    NodeProto.Builder renamed = Retyping.renamed(node, names).toBuilder();
    for (int i = 0; i < node.getOutputCount(); i++) {
      if (changes(node.getOutput(i))) {
        renamed.setOutput(i, retyping.name(node.getOutput(i), from));
      }
    }
    return renamed.build();
  }

  private boolean isFrom(String name) {
    OnnxModel.Value type = graph.type(name);
    return type != null && type.type() == from;
  }

  /** Old files list constants as inputs, too. */
  private boolean isGiven(String name) {
    return isFrom(name) && graph.inputs().contains(name) && graph.constant(name) == null;
  }

  private boolean changes(String name) {
    return isGiven(name) || (isFrom(name) && graph.outputs().contains(name));
  }

  private ValueInfoProto retyped(ValueInfoProto value) {
    ValueInfoProto.Builder retyped = value.toBuilder();
    retyped.getTypeBuilder().getTensorTypeBuilder().setElemType(to.code());
    return retyped.build();
  }
}
