package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Computes what depends on constants only, and the Shape and Size of values whose shape is fixed.
 * ONNX Runtime does so when it makes a session; TensorRT's parser sees the file as it is. Results
 * of more than {@value #MAX_BYTES} bytes stay nodes, since the package would grow by them; random
 * operators, quantization (which TensorRT wants to see beside its weights), operators that are not
 * the standard's and what is inside of subgraphs stay, too.
 *
 * <p>Thread safety: stateless.
 */
public final class ConstantFolding implements Rewrite {
  /** Largest constant that is made or computed with. */
  static final long MAX_BYTES = 64 << 10;

  /** What is computed tells further shapes: rounds until nothing is left. */
  private static final int MAX_ROUNDS = 8;

  /**
   * Where shapes are all that is asked for, however many layers take theirs from the one before.
   */
  private static final int MAX_SHAPE_ROUNDS = 100;

  private static final Set<String> QUANTIZATION =
      Set.of("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear");

  /** The rewrite. */
  public ConstantFolding() {}

  @Override
  public String name() {
    return "constant folding";
  }

  @Override
  public Result apply(Graph graph, NewWeights weights) {
    return folded(graph, MAX_ROUNDS);
  }

  /** A graph in which everything is computed that follows from constants and fixed shapes. */
  static Graph computed(Graph graph) {
    return folded(graph, MAX_SHAPE_ROUNDS).graph();
  }

  private static Result folded(Graph graph, int rounds) {
    Result result = round(graph);
    List<String> changes = new ArrayList<>(result.changes());
    for (int i = 1; i < rounds && !result.changes().isEmpty(); i++) {
      result = round(result.graph());
      changes.addAll(result.changes());
    }
    return new Result(result.graph(), changes);
  }

  private static Result round(Graph graph) {
    Map<String, TensorProto> known = new LinkedHashMap<>();
    graph
        .initializers()
        .forEach((name, tensor) -> {
          if (isSmall(graph, name)
              && tensor.getDataLocation() != TensorProto.DataLocation.EXTERNAL) {
            known.put(name, tensor);
          }
        });
    Map<String, TensorProto> made = new LinkedHashMap<>();
    List<Integer> moved = new ArrayList<>();
    List<Integer> computed = new ArrayList<>();
    Set<String> results = new LinkedHashSet<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      NodeProto node = graph.nodes().get(i);
      TensorProto constant = TypeInference.constant(node);
      TensorProto shape = shape(graph, node);
      if (constant != null) {
        made.put(node.getOutput(0), constant.toBuilder().setName(node.getOutput(0)).build());
        moved.add(i);
        if (isSmall(graph, node.getOutput(0))
            && constant.getDataLocation() != TensorProto.DataLocation.EXTERNAL) {
          known.put(node.getOutput(0), made.get(node.getOutput(0)));
        }
      } else if (shape != null) {
        made.put(node.getOutput(0), shape);
        known.put(node.getOutput(0), shape);
        computed.add(i);
      } else if (isFoldable(graph, node, known.keySet(), results)) {
        computed.add(i);
        node.getOutputList().stream().filter(o -> !o.isEmpty()).forEach(results::add);
      }
    }
    return folded(graph, known, made, moved, computed, results);
  }

  private static Result folded(
      Graph graph,
      Map<String, TensorProto> known,
      Map<String, TensorProto> made,
      List<Integer> moved,
      List<Integer> computed,
      Set<String> results) {
    List<String> changes = new ArrayList<>();
    if (!results.isEmpty()) {
      List<NodeProto> nodes =
          computed.stream()
              .map(graph.nodes()::get)
              .filter(node -> results.containsAll(named(node)))
              .toList();
      Set<String> taken = new LinkedHashSet<>();
      nodes.forEach(node -> taken.addAll(node.getInputList()));
      List<TensorProto> constants =
          known.entrySet().stream()
              .filter(entry -> taken.contains(entry.getKey()))
              .map(Map.Entry::getValue)
              .toList();
      try {
        made.putAll(Evaluator.run(graph.model(), nodes, constants, results));
      } catch (NativeException e) {
        // What can't run here is told where the model itself runs.
        computed.removeIf(i -> results.containsAll(named(graph.nodes().get(i))));
      }
    }
    GraphEdit edit = graph.edit();
    Set<Integer> gone = new LinkedHashSet<>(moved);
    for (int index : computed) {
      NodeProto node = graph.nodes().get(index);
      if (made.keySet().containsAll(named(node))) {
        gone.add(index);
        changes.add("computed " + OnnxModel.describe(node));
      }
    }
    if (!moved.isEmpty()) {
      changes.add(moved.size() + " Constant nodes became initializers");
    }
    if (gone.isEmpty()) {
      return new Result(graph, changes);
    }
    for (int index : gone) {
      edit.replaceNode(index, List.of());
      named(graph.nodes().get(index))
          .forEach(name -> {
            if (isTaken(graph, name, gone)) {
              edit.addInitializer(made.get(name));
            }
          });
    }
    return new Result(edit.build(), changes);
  }

  private static boolean isTaken(Graph graph, String name, Set<Integer> gone) {
    return graph.outputs().contains(name)
        || graph.consumers(name).stream().anyMatch(consumer -> !gone.contains(consumer));
  }

  private static List<String> named(NodeProto node) {
    return node.getOutputList().stream().filter(name -> !name.isEmpty()).toList();
  }

  private static boolean isFoldable(
      Graph graph, NodeProto node, Set<String> known, Set<String> results) {
    return Evaluator.isPure(node)
        && !QUANTIZATION.contains(node.getOpType())
        && node.getInputList().stream()
            .allMatch(name -> name.isEmpty() || known.contains(name) || results.contains(name))
        && named(node).stream().allMatch(name -> isSmall(graph, name));
  }

  private static boolean isSmall(Graph graph, String name) {
    OnnxModel.Value type = graph.type(name);
    if (type == null || !type.isRanked() || !type.shape().isStatic()) {
      return false;
    }
    try {
      long elements = type.shape().elementCount();
      return (type.type() == ElementType.STRING ? elements * 8 : type.type().byteSize(elements))
          <= MAX_BYTES;
    } catch (ArithmeticException e) {
      return false;
    }
  }

  /** The value of a Shape or Size that is known, or null. */
  private static TensorProto shape(Graph graph, NodeProto node) {
    if (!Graph.isStandard(node) || node.getInputCount() != 1) {
      return null;
    }
    long[] dims = graph.staticDims(node.getInput(0));
    return dims == null ? null : shape(node, dims);
  }

  /**
   * What Shape or Size gives for a value of this shape; null for another operator, and for a size
   * that no number holds.
   */
  static TensorProto shape(NodeProto node, long[] dims) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(node.getOutput(0)).setDataType(ElementType.INT64.code());
    if (node.getOpType().equals("Size")) {
      try {
        return tensor.addInt64Data(Arrays.stream(dims).reduce(1, Math::multiplyExact)).build();
      } catch (ArithmeticException e) {
        return null;
      }
    }
    if (!node.getOpType().equals("Shape")) {
      return null;
    }
    int start = bound(node, "start", 0, dims.length);
    int end = Math.max(start, bound(node, "end", dims.length, dims.length));
    tensor.addDims(end - start);
    for (int axis = start; axis < end; axis++) {
      tensor.addInt64Data(dims[axis]);
    }
    return tensor.build();
  }

  private static int bound(NodeProto node, String name, long absent, int rank) {
    long value = absent;
    for (AttributeProto attribute : node.getAttributeList()) {
      value = attribute.getName().equals(name) ? attribute.getI() : value;
    }
    return Math.toIntExact(Math.clamp(value < 0 ? value + rank : value, 0, rank));
  }
}
