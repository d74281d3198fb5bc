package dev.sluice.converter.graph;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * What is known of the values that the nodes of a graph or subgraph can take: its own, and those of
 * the graphs around it. The types inside of a subgraph are ONNX Runtime's, too: it is asked for
 * them as if the subgraph were a model whose inputs are what it takes from outside. That costs a
 * session, so it is done when the first type is asked for.
 *
 * <p>Thread safety: used by one thread.
 */
final class Scope {
  private final Graph graph;

  /** Around this one; null for the main graph. */
  private final Scope outer;

  private final GraphProto body;
  private final Set<String> own = new HashSet<>();
  private final Map<String, TensorProto> constants = new HashMap<>();

  /** A model whose main graph is this one. */
  private ModelProto model;

  private Map<String, OnnxModel.Value> types;
  private Map<String, OnnxModel.Value> ranked;

  private Scope(Graph graph, Scope outer, GraphProto body) {
    this.graph = graph;
    this.outer = outer;
    this.body = body;
    this.model = graph.model();
    body.getInputList().forEach(input -> own.add(input.getName()));
    for (NodeProto node : body.getNodeList()) {
      own.addAll(node.getOutputList());
      TensorProto constant = TypeInference.constant(node);
      if (constant != null) {
        constants.put(node.getOutput(0), constant);
      }
    }
    body.getInitializerList().forEach(tensor -> constants.put(tensor.getName(), tensor));
    body.getSparseInitializerList().forEach(tensor -> own.add(tensor.getValues().getName()));
    own.addAll(constants.keySet());
  }

  /** The main graph. */
  static Scope of(Graph graph) {
    return new Scope(graph, null, graph.model().getGraph());
  }

  /** A subgraph of a node of this graph. */
  Scope inside(GraphProto subgraph) {
    return new Scope(graph, this, subgraph);
  }

  /** A constant, under whatever name it has itself; null where the value is none. */
  TensorProto constant(String value) {
    return isOuter(value) ? outer.constant(value) : constants.get(value);
  }

  /** Element type and shape of a value; null where it is no tensor, or they are not known. */
  OnnxModel.Value type(String value) {
    return isOuter(value) ? outer.type(value) : types().get(value);
  }

  /** The same, with a rank where more than ONNX Runtime's inference is needed to find it. */
  OnnxModel.Value ranked(String value) {
    if (isOuter(value)) {
      return outer.ranked(value);
    }
    OnnxModel.Value type = types().get(value);
    if (type == null || type.isRanked()) {
      return type;
    }
    if (ranked == null) {
      ranked = Ranks.complete(model, graph.customOps(), types());
    }
    return ranked.get(value);
  }

  private boolean isOuter(String value) {
    return outer != null && !own.contains(value);
  }

  private Map<String, OnnxModel.Value> types() {
    if (outer == null) {
      return graph.types();
    }
    if (types == null) {
      model = Evaluator.shell(graph.model()).setGraph(lifted()).build();
      try {
        types = TypeInference.infer(model, graph.customOps());
      } catch (NativeException | UnsupportedOperationException _) {
        // It takes a value from outside that is no tensor, say.
        types = Map.of();
      }
    }
    return types;
  }

  /** The subgraph with what it takes from outside as inputs and constants. */
  private GraphProto lifted() {
    GraphProto.Builder lifted = body.toBuilder();
    Set<String> taken = new HashSet<>();
    body.getNodeList().forEach(node -> taken.addAll(Graph.taken(node)));
    body.getOutputList().forEach(output -> taken.add(output.getName()));
    taken.removeAll(own);
    for (String name : taken) {
      TensorProto constant = outer.constant(name);
      OnnxModel.Value value = outer.ranked(name);
      if (constant != null && !TypeInference.isLarge(constant)) {
        lifted.addInitializer(constant.toBuilder().setName(name));
      } else if (value != null) {
        long[] dims = value.isRanked() ? value.shape().dims() : null;
        lifted.addInput(TypeInference.declared(name, value.type().code(), dims));
      }
    }
    return lifted.build();
  }
}
