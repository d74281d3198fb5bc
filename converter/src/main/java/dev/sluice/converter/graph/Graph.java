package dev.sluice.converter.graph;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * The main graph of a model: nodes in an order in which they can run, values by name with who makes
 * and who takes them, and what ONNX Runtime infers of their types and shapes. Subgraphs stay inside
 * of their nodes; what they read of the values around them counts as taken by the node.
 *
 * <p>Thread safety: immutable.
 */
public final class Graph {
  private final ModelProto model;
  private final List<Path> customOps;
  private final List<NodeProto> nodes;
  private final Map<String, TensorProto> initializers = new LinkedHashMap<>();
  private final List<String> inputs = new ArrayList<>();
  private final List<String> outputs = new ArrayList<>();
  private final Map<String, Integer> producers = new HashMap<>();
  private final Map<String, List<Integer>> consumers = new HashMap<>();
  private final Map<String, OnnxModel.Value> types;

  private Graph(ModelProto model, List<Path> customOps, Map<String, OnnxModel.Value> types) {
    this.customOps = List.copyOf(customOps);
    this.types = types;
    GraphProto graph = model.getGraph();
    graph.getInitializerList().forEach(tensor -> initializers.put(tensor.getName(), tensor));
    for (ValueInfoProto input : graph.getInputList()) {
      if (!initializers.containsKey(input.getName())) {
        inputs.add(input.getName());
      }
    }
    graph.getOutputList().forEach(output -> outputs.add(output.getName()));
    nodes = sorted(graph.getNodeList());
    this.model =
        nodes.equals(graph.getNodeList())
            ? model
            : model.toBuilder().setGraph(graph.toBuilder().clearNode().addAllNode(nodes)).build();
    for (int i = 0; i < nodes.size(); i++) {
      for (String output : nodes.get(i).getOutputList()) {
        producers.put(output, i);
      }
      for (String input : taken(nodes.get(i))) {
        consumers.computeIfAbsent(input, _ -> new ArrayList<>()).add(i);
      }
    }
  }

  /**
   * The graph of a model.
   *
   * @throws NativeException when ONNX Runtime refuses the model without its weights
   * @throws UnsupportedOperationException when a value has an element type that has no name here
   */
  public static Graph of(ModelProto model) {
    return of(model, List.of());
  }

  /**
   * The graph of a model with operators out of libraries.
   *
   * @param customOps the libraries
   * @throws NativeException when ONNX Runtime refuses a library, or the model without its weights
   * @throws UnsupportedOperationException when a value has an element type that has no name here
   */
  public static Graph of(ModelProto model, List<Path> customOps) {
    return new Graph(model, customOps, TypeInference.infer(model, customOps));
  }

  /** The whole model; its nodes are those of {@link #nodes}. */
  public ModelProto model() {
    return model;
  }

  /** Libraries of operators that are not ONNX Runtime's own. */
  List<Path> customOps() {
    return customOps;
  }

  /** Element type and shape of all tensors that have them, by name. */
  Map<String, OnnxModel.Value> types() {
    return Collections.unmodifiableMap(types);
  }

  /** All nodes, each after those whose results it takes. */
  public List<NodeProto> nodes() {
    return Collections.unmodifiableList(nodes);
  }

  /** The constants by name; those kept in other files are references. */
  public Map<String, TensorProto> initializers() {
    return Collections.unmodifiableMap(initializers);
  }

  /** Names of what a caller gives, without initializers. */
  public List<String> inputs() {
    return List.copyOf(inputs);
  }

  /** Names of what a caller gets. */
  public List<String> outputs() {
    return List.copyOf(outputs);
  }

  /** Index of the node that makes a value; -1 for inputs and constants. */
  public int producer(String value) {
    return producers.getOrDefault(value, -1);
  }

  /** Indices of the nodes that take a value, ascending; one that takes it twice is there once. */
  public List<Integer> consumers(String value) {
    return List.copyOf(consumers.getOrDefault(value, List.of()));
  }

  /** Whether a value is there. */
  public boolean has(String value) {
    return types.containsKey(value) || initializers.containsKey(value);
  }

  /**
   * Element type and shape of a value.
   *
   * @return null where it is no tensor, or is not there; {@code dims} is null where not even the
   *     rank is known
   */
  public OnnxModel.Value type(String value) {
    return types.get(value);
  }

  /**
   * The tensor of a value that is constant: an initializer, or what a Constant node holds.
   *
   * @return null where the value is none; a Constant's tensor may lack a name
   */
  public TensorProto constant(String value) {
    TensorProto tensor = initializers.get(value);
    int producer = producer(value);
    return tensor != null || producer < 0 ? tensor : TypeInference.constant(nodes.get(producer));
  }

  /** The extents of a value, or null where one is not known. */
  public long[] staticDims(String value) {
    OnnxModel.Value type = types.get(value);
    if (type == null || !type.isRanked() || !type.shape().isStatic()) {
      return null;
    }
    return type.shape().dims();
  }

  /** Version of the default operator set. */
  public long opset() {
    return model.getOpsetImportList().stream()
        .filter(set -> set.getDomain().isEmpty() || set.getDomain().equals("ai.onnx"))
        .mapToLong(set -> set.getVersion())
        .findFirst()
        .orElse(1);
  }

  /** A copy to change. */
  public GraphEdit edit() {
    return new GraphEdit(this);
  }

  /** Whether a node is of the standard's operators. */
  public static boolean isStandard(NodeProto node) {
    return node.getDomain().isEmpty() || node.getDomain().equals("ai.onnx");
  }

  /** Whether a node has subgraphs. */
  public static boolean hasSubgraphs(NodeProto node) {
    return node.getAttributeList().stream().anyMatch(a -> a.hasG() || a.getGraphsCount() > 0);
  }

  /** What a node takes from the graph that it is in, its subgraphs included. */
  public static Set<String> taken(NodeProto node) {
    Set<String> names = new LinkedHashSet<>(node.getInputList());
    for (AttributeProto attribute : node.getAttributeList()) {
      if (attribute.hasG()) {
        names.addAll(taken(attribute.getG()));
      }
      attribute.getGraphsList().forEach(graph -> names.addAll(taken(graph)));
    }
    names.remove("");
    return names;
  }

  /** What a graph takes from those around it. */
  static Set<String> taken(GraphProto graph) {
    Set<String> names = new LinkedHashSet<>();
    graph.getNodeList().forEach(node -> names.addAll(taken(node)));
    // A branch may give a value of the graph around it as it is.
    graph.getOutputList().forEach(output -> names.add(output.getName()));
    graph.getNodeList().forEach(node -> node.getOutputList().forEach(names::remove));
    graph.getInputList().forEach(input -> names.remove(input.getName()));
    graph.getInitializerList().forEach(tensor -> names.remove(tensor.getName()));
    graph.getSparseInitializerList().forEach(tensor -> names.remove(tensor.getValues().getName()));
    return names;
  }

  private static List<NodeProto> sorted(List<NodeProto> nodes) {
    Map<String, Integer> makers = new HashMap<>();
    for (int i = 0; i < nodes.size(); i++) {
      for (String output : nodes.get(i).getOutputList()) {
        makers.put(output, i);
      }
    }
    List<List<Integer>> next = new ArrayList<>();
    nodes.forEach(_ -> next.add(new ArrayList<>()));
    int[] waits = new int[nodes.size()];
    PriorityQueue<Integer> ready = new PriorityQueue<>();
    for (int i = 0; i < waits.length; i++) {
      Set<Integer> before = new HashSet<>();
      for (String name : taken(nodes.get(i))) {
        int maker = makers.getOrDefault(name, i);
        if (maker != i && before.add(maker)) {
          next.get(maker).add(i);
          waits[i]++;
        }
      }
      if (waits[i] == 0) {
        ready.add(i);
      }
    }
    List<NodeProto> sorted = new ArrayList<>();
    while (!ready.isEmpty()) {
      int index = ready.remove();
      sorted.add(nodes.get(index));
      for (int follower : next.get(index)) {
        if (--waits[follower] == 0) {
          ready.add(follower);
        }
      }
    }
    if (sorted.size() != nodes.size()) {
      throw new UnsupportedOperationException("the nodes of the graph go in circles");
    }
    return sorted;
  }
}
