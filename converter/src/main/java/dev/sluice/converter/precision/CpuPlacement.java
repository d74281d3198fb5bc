package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Which tensors of a graph are quantized for ONNX Runtime's CPU kernels, so that whole chains of
 * nodes run on codes.
 *
 * <p>Glossary: a layer's <i>result</i> is what the next node sees, behind a Relu or a Clip from 0
 * on that is <i>absorbed</i>: codes below the code of zero do not exist, so the quantizer cuts off
 * what they would. A <i>follower</i> is a node between layers that runs on codes if its inputs are
 * codes.
 *
 * <p>Steps: forwards, a follower is a candidate if each of its inputs can be codes. Backwards, it
 * is kept if its result is wanted as codes: by a layer, or by a follower that is kept. The result
 * of a convolution is always quantized, since there is no kernel from codes to FP32; that of a
 * product only where codes are wanted.
 *
 * <p>Thread safety: immutable.
 */
final class CpuPlacement {
  /** Nodes that move or select elements: input and result have one grid. */
  private static final Set<String> MOVES =
      Set.of(
          "MaxPool",
          "Reshape",
          "Transpose",
          "Squeeze",
          "Unsqueeze",
          "Flatten",
          "DepthToSpace",
          "SpaceToDepth",
          "Resize");

  /** Nodes that compute on codes, with a grid for each input and the result. */
  private static final Set<String> COMPUTES =
      Set.of("Add", "Mul", "Concat", "AveragePool", "GlobalAveragePool");

  private final Graph graph;
  private final Map<Integer, Layer> layers = new TreeMap<>();
  private final Map<Integer, NodeProto> followers = new TreeMap<>();
  private final Set<String> quantized = new LinkedHashSet<>();

  CpuPlacement(Graph graph, List<Layer> int8) {
    this.graph = graph;
    for (Layer layer : int8) {
      if (hasKernel(layer)) {
        layers.put(layer.index(), layer);
      }
    }
    backwards(candidates());
  }

  /** Whether ONNX Runtime has an 8-bit kernel for the CPU. */
  static boolean hasKernel(Layer layer) {
    return !layer.operator().equals("ConvTranspose");
  }

  /** The layers that run on codes, by the index of their nodes. */
  Map<Integer, Layer> layers() {
    return layers;
  }

  /** The other nodes that run on codes, by index. */
  Map<Integer, NodeProto> followers() {
    return followers;
  }

  /** The tensors that are quantized. */
  Set<String> quantized() {
    return quantized;
  }

  /** Whether input and result of a follower share a grid. */
  static boolean moves(NodeProto follower) {
    return MOVES.contains(follower.getOpType());
  }

  private Map<Integer, NodeProto> candidates() {
    Set<String> codes = new HashSet<>();
    layers.values().forEach(layer -> codes.add(layer.activation()));
    Map<Integer, NodeProto> candidates = new TreeMap<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      NodeProto node = graph.nodes().get(i);
      if (layers.containsKey(i)) {
        codes.add(result(i));
      } else if (isFollower(node) && codes.containsAll(tensors(node))) {
        candidates.put(i, node);
        codes.add(result(i));
      }
    }
    return candidates;
  }

  private void backwards(Map<Integer, NodeProto> candidates) {
    layers.values().forEach(layer -> quantized.add(layer.activation()));
    for (int i = graph.nodes().size() - 1; i >= 0; i--) {
      if (layers.containsKey(i)) {
        if (layers.get(i).isConvolution()) {
          quantized.add(result(i));
        }
      } else if (candidates.containsKey(i) && quantized.contains(result(i))) {
        followers.put(i, candidates.get(i));
        quantized.addAll(tensors(candidates.get(i)));
      }
    }
  }

  private boolean isFollower(NodeProto node) {
    if (!Graph.isStandard(node) || node.getOutputCount() != 1 || tensors(node).isEmpty()) {
      return false;
    }
    boolean constant =
        tensors(node).stream().anyMatch(name -> graph.initializers().containsKey(name));
    OnnxModel.Value type = graph.type(node.getOutput(0));
    return !constant
        && type != null
        && type.type() == ElementType.FLOAT
        && (MOVES.contains(node.getOpType()) || COMPUTES.contains(node.getOpType()));
  }

  /** The inputs of a follower that hold numbers, not shapes or sizes. */
  List<String> tensors(NodeProto node) {
    return switch (node.getOpType()) {
      case "Add", "Mul", "Concat" -> node.getInputList();
      default -> node.getInputCount() == 0 ? List.of() : List.of(node.getInput(0));
    };
  }

  /** The tensor behind what a node makes, an absorbed activation included. */
  String result(int index) {
    int absorbed = absorbed(index);
    return graph.nodes().get(absorbed < 0 ? index : absorbed).getOutput(0);
  }

  /** The index of the activation that the quantizer behind a node does; -1 where there is none. */
  int absorbed(int index) {
    NodeProto node = graph.nodes().get(index);
    String output = node.getOutput(0);
    boolean absorbs = layers.containsKey(index) || Layer.is(node, "Add");
    if (!absorbs || graph.outputs().contains(output) || graph.consumers(output).size() != 1) {
      return -1;
    }
    int next = graph.consumers(output).getFirst();
    NodeProto activation = graph.nodes().get(next);
    return Layer.is(activation, "Relu") || isClipFromZero(activation) ? next : -1;
  }

  private boolean isClipFromZero(NodeProto node) {
    if (!Layer.is(node, "Clip") || node.getInputCount() < 2) {
      return false;
    }
    TensorProto min = graph.initializers().get(node.getInput(1));
    boolean maxKnown =
        node.getInputCount() < 3
            || node.getInput(2).isEmpty()
            || graph.initializers().containsKey(node.getInput(2));
    return maxKnown && min != null && isZero(min);
  }

  private static boolean isZero(TensorProto tensor) {
    if (tensor.getDataType() != ElementType.FLOAT.code()) {
      return false;
    }
    if (tensor.hasRawData()) {
      MemorySegment bytes = MemorySegment.ofBuffer(tensor.getRawData().asReadOnlyByteBuffer());
      return bytes.byteSize() == Float.BYTES && bytes.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0) == 0;
    }
    return tensor.getFloatDataCount() == 1 && tensor.getFloatData(0) == 0;
  }

  /**
   * Tensors that have one grid together, each group with all of its members.
   *
   * @param separate whether a tensor must not share the grid of a Concat
   */
  List<Set<String>> groups(Predicate<String> separate) {
    List<Set<String>> groups = new ArrayList<>();
    quantized.forEach(name -> groups.add(new LinkedHashSet<>(Set.of(name))));
    followers.forEach((index, node) -> {
      boolean joins =
          moves(node) || (Layer.is(node, "Concat") && tensors(node).stream().noneMatch(separate));
      if (joins) {
        tensors(node).forEach(name -> join(groups, name, result(index)));
      }
    });
    return groups;
  }

  private static void join(List<Set<String>> groups, String one, String other) {
    Set<String> first = groups.stream().filter(g -> g.contains(one)).findFirst().orElseThrow();
    if (!first.contains(other)) {
      Set<String> second = groups.stream().filter(g -> g.contains(other)).findFirst().orElseThrow();
      groups.removeIf(group -> group.contains(other));
      first.addAll(second);
    }
  }
}
