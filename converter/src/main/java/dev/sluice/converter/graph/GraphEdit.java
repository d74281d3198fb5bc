package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/**
 * Changes to a graph, which itself stays as it is.
 *
 * <p>Thread safety: used by one thread.
 */
public final class GraphEdit {
  private final Graph graph;
  private final Map<Integer, List<NodeProto>> replaced = new HashMap<>();
  private final GraphProto.Builder proto;
  private final Set<String> names = new HashSet<>();
  private final Set<String> nodeNames = new HashSet<>();
  private Predicate<FunctionProto> functions = _ -> true;

  GraphEdit(Graph graph) {
    this.graph = graph;
    this.proto = graph.model().getGraph().toBuilder();
    OnnxModel.forEachGraph(
        graph.model().getGraph(),
        g -> {
          g.getNodeList()
              .forEach(node -> {
                names.addAll(node.getInputList());
                names.addAll(node.getOutputList());
                nodeNames.add(node.getName());
              });
          g.getInputList().forEach(input -> names.add(input.getName()));
          g.getInitializerList().forEach(tensor -> names.add(tensor.getName()));
        });
  }

  /** A name that no value has yet. */
  public String freshName(String base) {
    return fresh(base, names);
  }

  /** A name that no node has yet. */
  public String freshNodeName(String base) {
    return fresh(base, nodeNames);
  }

  private static String fresh(String base, Set<String> taken) {
    String name = base;
    for (int i = 1; !taken.add(name); i++) {
      name = base + "_" + i;
    }
    return name;
  }

  /** Puts nodes in the place of the node at an index of {@link Graph#nodes}; none removes it. */
  public void replaceNode(int index, List<NodeProto> nodes) {
    replaced.put(index, List.copyOf(nodes));
  }

  /** Adds a constant, whose name is to be a fresh one or that of a value that goes. */
  public void addInitializer(TensorProto tensor) {
    proto.addInitializer(tensor);
  }

  /** Keeps the constants that satisfy a condition only. */
  public void keepInitializers(Predicate<String> condition) {
    List<TensorProto> kept =
        proto.getInitializerList().stream().filter(t -> condition.test(t.getName())).toList();
    Set<String> dropped = new HashSet<>();
    proto.getInitializerList().forEach(tensor -> dropped.add(tensor.getName()));
    kept.forEach(tensor -> dropped.remove(tensor.getName()));
    proto.clearInitializer().addAllInitializer(kept);
    // Old files list constants as inputs, too.
    List<ValueInfoProto> inputs =
        proto.getInputList().stream().filter(i -> !dropped.contains(i.getName())).toList();
    proto.clearInput().addAllInput(inputs);
  }

  /** Keeps the functions that satisfy a condition only. */
  public void keepFunctions(Predicate<FunctionProto> condition) {
    functions = condition;
  }

  /** Declares inputs anew. */
  public void mapInputs(UnaryOperator<ValueInfoProto> change) {
    List<ValueInfoProto> inputs = proto.getInputList().stream().map(change).toList();
    proto.clearInput().addAllInput(inputs);
  }

  /** Declares outputs anew. */
  public void mapOutputs(UnaryOperator<ValueInfoProto> change) {
    List<ValueInfoProto> outputs = proto.getOutputList().stream().map(change).toList();
    proto.clearOutput().addAllOutput(outputs);
  }

  /** The changed graph, its types inferred; what was declared of values in between is gone. */
  public Graph build() {
    List<NodeProto> nodes = new ArrayList<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      nodes.addAll(replaced.getOrDefault(i, List.of(graph.nodes().get(i))));
    }
    proto.clearNode().addAllNode(nodes).clearValueInfo();
    ModelProto.Builder model = graph.model().toBuilder().setGraph(proto);
    List<FunctionProto> kept = model.getFunctionsList().stream().filter(functions).toList();
    model.clearFunctions().addAllFunctions(kept);
    return Graph.of(model.build(), graph.customOps());
  }
}
