package dev.sluice.converter.graph;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OnnxType;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What ONNX Runtime infers of a single node's results from its inputs. Nodes that are alike are
 * asked for once.
 *
 * <p>Thread safety: used by one thread.
 */
final class OneNode {
  /** Results up to here are computed where all inputs are known; shapes are a few numbers. */
  private static final long MAX_COMPUTED_ELEMENTS = 4096;

  private final ModelProto model;
  private final List<Path> customOps;
  private final Map<ByteString, List<Edge>> seen = new HashMap<>();

  OneNode(Graph graph) {
    this.model = graph.model();
    this.customOps = graph.customOps();
  }

  /**
   * A value at a certain batch.
   *
   * @param type the code of the element type
   * @param dims the extents; null where one is not known
   * @param data the elements where they are known and few; else null
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by isLike
  record Edge(int type, long[] dims, TensorProto data) {
    /** A constant; its elements are left out where they are many. */
    static Edge of(TensorProto tensor) {
      long[] dims = tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
      return new Edge(tensor.getDataType(), dims, TypeInference.isLarge(tensor) ? null : tensor);
    }

    /** Whether both have the same extents and, where they are known, elements. */
    boolean isLike(Edge other) {
      return Arrays.equals(dims, other.dims)
          && (data == null
              ? other.data == null
              : other.data != null && bare(data).equals(bare(other.data)));
    }

    private static TensorProto bare(TensorProto tensor) {
      return tensor.toBuilder().clearName().build();
    }
  }

  /**
   * Infers.
   *
   * @param inputs by name, what subgraphs read included
   * @return one per output; null for outputs without a name, and those that are no tensors
   * @throws NativeException when ONNX Runtime refuses the node with such inputs
   */
  List<Edge> infer(NodeProto node, Map<String, Edge> inputs) {
    if (node.getInputCount() == 1 && node.getOutputCount() == 1 && Graph.isStandard(node)) {
      Edge input = inputs.get(node.getInput(0));
      TensorProto shape =
          input == null || input.dims() == null ? null : ConstantFolding.shape(node, input.dims());
      if (shape != null) {
        return List.of(Edge.of(raw(shape)));
      }
    }
    TensorProto constant = TypeInference.constant(node);
    if (constant != null) {
      return List.of(Edge.of(raw(constant)));
    }
    GraphProto graph = graph(node, inputs);
    ByteString key = graph.toByteString();
    List<Edge> edges = seen.get(key);
    if (edges == null) {
      edges = infer(graph);
      seen.put(key, edges);
    }
    return edges;
  }

  /** The node with plain names, so that nodes that are alike become equal. */
  private static GraphProto graph(NodeProto node, Map<String, Edge> inputs) {
    boolean plain = !Graph.hasSubgraphs(node);
    GraphProto.Builder graph = GraphProto.newBuilder().setName("node");
    NodeProto.Builder alike = node.toBuilder().clearInput().clearOutput().setName("node");
    Map<String, String> names = new LinkedHashMap<>();
    for (String name : plain ? node.getInputList() : Graph.taken(node)) {
      Edge edge = inputs.get(name);
      if (name.isEmpty() || edge == null || names.containsKey(name)) {
        continue;
      }
      String plainName = plain ? "i" + names.size() : name;
      names.put(name, plainName);
      if (edge.data() != null) {
        graph.addInitializer(edge.data().toBuilder().setName(plainName));
      } else {
        graph.addInput(TypeInference.declared(plainName, edge.type(), edge.dims()));
      }
    }
    node.getInputList().forEach(name -> alike.addInput(names.getOrDefault(name, name)));
    for (int i = 0; i < node.getOutputCount(); i++) {
      String name = node.getOutput(i).isEmpty() ? "" : plain ? "o" + i : node.getOutput(i);
      alike.addOutput(name);
      if (!name.isEmpty()) {
        graph.addOutput(ValueInfoProto.newBuilder().setName(name));
      }
    }
    return graph.addNode(alike).build();
  }

  private List<Edge> infer(GraphProto graph) {
    NodeProto node = graph.getNode(0);
    Map<String, Edge> results = new HashMap<>();
    byte[] bytes = Evaluator.shell(model).setGraph(graph).build().toByteArray();
    boolean known = graph.getInputCount() == 0 && Evaluator.isPure(node);
    try (OrtSession session = TypeInference.open(bytes, customOps, node.getOpType())) {
      for (OrtValueInfo info : session.outputs()) {
        if (info.kind() == OnnxType.TENSOR) {
          long[] dims =
              info.hasShape() && !info.dims().contains(-1L)
                  ? info.dims().stream().mapToLong(Long::longValue).toArray()
                  : null;
          known &= dims == null || elements(dims) <= MAX_COMPUTED_ELEMENTS;
          results.put(info.name(), new Edge(info.type().code(), dims, null));
        }
      }
    }
    if (known) {
      Evaluator.run(model, List.of(node), graph.getInitializerList(), results.keySet())
          .forEach((name, tensor) -> results.put(name, Edge.of(tensor)));
    }
    List<Edge> edges = new ArrayList<>();
    node.getOutputList().forEach(name -> edges.add(results.get(name)));
    return edges;
  }

  private static long elements(long[] dims) {
    long elements = 1;
    for (long dim : dims) {
      elements = Math.multiplyExact(elements, dim);
    }
    return elements;
  }

  /** With its elements in raw form, as ONNX Runtime gives them, so that equal ones are equal. */
  private static TensorProto raw(TensorProto tensor) {
    if (tensor.getInt64DataCount() == 0) {
      return tensor;
    }
    return Numbers.tensor(
        tensor.getName(),
        tensor.getDimsList(),
        tensor.getInt64DataList().stream().mapToLong(Long::longValue).toArray());
  }
}
