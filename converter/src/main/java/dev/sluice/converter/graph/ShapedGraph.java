package dev.sluice.converter.graph;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * A graph whose inputs have shapes. What follows from these and from constants is computed, so that
 * shapes are known that a graph takes from other ones by arithmetic. The graphs inside of its nodes
 * see what is around them: each becomes a model of its own, whose inputs have the shapes that the
 * values around it have here, so that ONNX Runtime can infer the rest.
 *
 * <p>Thread safety: immutable.
 *
 * @param graph with its types inferred
 * @param constants elements of its constants by name, those from around it included
 */
record ShapedGraph(Graph graph, Map<String, Long> constants) {
  /** The main graph of a model. */
  static ShapedGraph of(Graph main) {
    return of(main, Map.of());
  }

  private static ShapedGraph of(Graph graph, Map<String, Long> around) {
    Map<String, Long> constants = new HashMap<>(around);
    graph.initializers().forEach((name, tensor) -> put(constants, name, tensor));
    for (NodeProto node : graph.nodes()) {
      TensorProto constant = TypeInference.constant(node);
      if (constant != null) {
        put(constants, node.getOutput(0), constant);
      }
    }
    return new ShapedGraph(computed(graph), constants);
  }

  private static Graph computed(Graph graph) {
    try {
      return ConstantFolding.computed(graph);
    } catch (NativeException | UnsupportedOperationException e) {
      return graph; // then that is all that is known
    }
  }

  private static void put(Map<String, Long> constants, String name, TensorProto tensor) {
    long elements = 1;
    for (long dim : tensor.getDimsList()) {
      // A hostile file may overflow; such a tensor is refused where its bytes are needed.
      elements *= Math.max(0, dim);
    }
    constants.putIfAbsent(name, Math.max(0, elements));
  }

  /**
   * What the input of a graph inside of this one is.
   *
   * @param type with any name
   * @param data the elements, where they are known and few; else null
   * @param constant how many elements it has where it is a constant of the model; else null
   */
  record Given(ValueInfoProto type, TensorProto data, Long constant) {
    /** A value of which the shape is all that is known. */
    static Given of(int type, long[] dims) {
      return new Given(TypeInference.declared("", type, dims), null, null);
    }

    /** A value that is known. */
    static Given of(TensorProto data) {
      return new Given(null, data, null);
    }
  }

  /**
   * A value of this graph as it is handed to a graph inside.
   *
   * @throws NotCountedException where it is no tensor
   */
  Given given(String value) throws NotCountedException {
    OnnxModel.Value type = graph.type(value);
    if (type == null) {
      throw new NotCountedException("it takes '" + value + "', which is no tensor");
    }
    return new Given(TypeInference.declared(type), known(value), constants.get(value));
  }

  /**
   * A graph inside of a node before its shapes are inferred. Equal ones have equal shapes.
   *
   * @param model the graph with the shapes of its inputs
   * @param constants elements of those inputs that are constants of the model
   */
  record Inside(ModelProto model, Map<String, Long> constants) {
    /**
     * Has ONNX Runtime infer the shapes.
     *
     * @throws NotCountedException where it refuses the graph
     */
    ShapedGraph infer() throws NotCountedException {
      try {
        return ShapedGraph.of(Graph.of(model), constants);
      } catch (NativeException | UnsupportedOperationException e) {
        throw new NotCountedException(
            "ONNX Runtime tells no shapes of what is inside: " + e.getMessage(), e);
      }
    }
  }

  /**
   * A subgraph of a node of this graph.
   *
   * @param inputs what the subgraph's own inputs are, by name; those that are not there are as the
   *     subgraph declares them
   */
  Inside subgraph(GraphProto subgraph, Map<String, Given> inputs) throws NotCountedException {
    Set<String> own = new HashSet<>();
    subgraph.getInputList().forEach(input -> own.add(input.getName()));
    subgraph.getInitializerList().forEach(tensor -> own.add(tensor.getName()));
    subgraph.getSparseInitializerList().forEach(tensor -> own.add(tensor.getValues().getName()));
    Set<String> taken = new LinkedHashSet<>();
    for (NodeProto node : subgraph.getNodeList()) {
      own.addAll(node.getOutputList());
      taken.addAll(Graph.taken(node));
    }
    subgraph.getOutputList().forEach(output -> taken.add(output.getName()));
    Map<String, Given> all = new LinkedHashMap<>();
    GraphProto.Builder graphInside = subgraph.toBuilder().clearInput();
    for (ValueInfoProto input : subgraph.getInputList()) {
      Given given = inputs.get(input.getName());
      if (given == null) {
        graphInside.addInput(input);
      } else {
        all.put(input.getName(), given);
      }
    }
    for (String name : taken) {
      if (!own.contains(name) && graph.has(name)) {
        all.put(name, given(name));
      }
    }
    return inside(Evaluator.shell(graph.model()), graphInside, all);
  }

  /** A graph with the values that it takes from around it. */
  static Inside inside(
      ModelProto.Builder shell, GraphProto.Builder graph, Map<String, Given> values) {
    Map<String, Long> constants = new LinkedHashMap<>();
    values.forEach((name, given) -> {
      if (given.data() != null) {
        graph.addInitializer(given.data().toBuilder().setName(name));
      } else {
        graph.addInput(given.type().toBuilder().setName(name));
      }
      // What is computed is no parameter of the model, though it is an initializer here.
      Long elements = given.constant();
      constants.put(name, elements == null ? 0 : elements);
    });
    return new Inside(shell.setGraph(graph).build(), constants);
  }

  /** A value that is the same whatever the inputs hold, and few elements; else null. */
  private TensorProto known(String value) {
    TensorProto tensor = graph.initializers().get(value);
    return tensor == null || TypeInference.isLarge(tensor) ? null : tensor;
  }

  /** The number that a value is, where it is known; else null. */
  Long number(String value) {
    TensorProto tensor = known(value);
    long[] numbers = tensor == null ? null : Numbers.read(tensor);
    return numbers == null || numbers.length != 1 ? null : numbers[0];
  }

  /** Whether a condition holds, where that is known; else null. */
  Boolean truth(String value) {
    TensorProto tensor = known(value);
    if (tensor == null || tensor.getDataType() != TensorProto.DataType.BOOL_VALUE) {
      return null;
    }
    if (tensor.getRawData().size() == 1) {
      return tensor.getRawData().byteAt(0) != 0;
    }
    return tensor.getInt32DataCount() == 1 ? tensor.getInt32Data(0) != 0 : null;
  }

  /** Elements of the constants that a node takes. */
  long parameters(NodeProto node) {
    long parameters = 0;
    for (String input : new LinkedHashSet<>(node.getInputList())) {
      parameters += constants.getOrDefault(input, 0L);
    }
    return Math.max(0, parameters);
  }
}
