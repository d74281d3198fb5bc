package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Attributes;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Which nodes of a graph may compute with 8 bits, and why the others of their kind do not.
 *
 * <p>Convolutions and products with constant weights do: there the arithmetic is, and the weights
 * have a range that is known. Products of two activations, as attention has them, stay as they are:
 * a softmax's probabilities crowd near zero, where 127 steps are too few, and ONNX Runtime must
 * quantize both factors first. So do recurrent layers, whose steps feed an error back into
 * themselves.
 *
 * <p>Measured on attention of normal numbers alone, hidden 256, 4 heads, UINT8 against FP32, ONNX
 * Runtime 1.29 with one thread on an AMD EPYC with VNNI, the least of 3000 runs:
 *
 * <pre>
 *   in 8 bits              sequence 64           sequence 128
 *   nothing                          45 us                147 us
 *   QK'                    38.6 dB   61 us       36.9 dB  173 us
 *   PV                     26.7 dB   53 us       20.4 dB  174 us
 *   PV, P up to 0.5        32.0 dB   53 us       26.5 dB  175 us
 *   both                   26.4 dB   68 us       20.4 dB  213 us
 * </pre>
 *
 * <p>Thread safety: immutable.
 *
 * @param layers in the order of the graph
 * @param others nodes that multiply and are no layers, in that order, with the reason
 */
record Placement(List<Layer> layers, Map<Layer, String> others) {
  /** Fewer columns or rows of a product do not fill a vector: NVIDIA Model Optimizer's limit. */
  private static final long MIN_PRODUCT = 16;

  private static final Set<String> MULTIPLIES =
      Set.of("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Einsum");

  Placement {
    layers = List.copyOf(layers);
    others = Collections.unmodifiableMap(new LinkedHashMap<>(others));
  }

  /**
   * Looks for layers.
   *
   * @param excluded nodes that are to stay as they are
   */
  static Placement of(Graph graph, Predicate<NodeProto> excluded) {
    List<Layer> layers = new ArrayList<>();
    Map<Layer, String> others = new LinkedHashMap<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      NodeProto node = graph.nodes().get(i);
      int inside = inside(node);
      if (inside > 0) {
        others.put(
            new Layer(i, node, 0),
            "the " + inside + " layers in the graphs inside stay as they are");
      }
      if (!multiplies(node)) {
        continue;
      }
      String whyNot = excluded.test(node) ? "excluded by --exclude" : whyNot(graph, node);
      if (whyNot == null) {
        layers.add(new Layer(i, node, channelAxis(node)));
      } else {
        others.put(new Layer(i, node, 0), whyNot);
      }
    }
    return new Placement(layers, others);
  }

  /** How many layers are in the graphs inside of a node. */
  private static int inside(NodeProto node) {
    int[] count = {0};
    OnnxModel.forEachSubgraph(
        node,
        inner ->
            count[0] += (int) inner.getNodeList().stream().filter(Placement::multiplies).count());
    return count[0];
  }

  /** Whether a node is one where the arithmetic of a network is. */
  static boolean multiplies(NodeProto node) {
    return Graph.isStandard(node) && MULTIPLIES.contains(node.getOpType());
  }

  private static int channelAxis(NodeProto node) {
    return switch (node.getOpType()) {
      case "Conv" -> 0;
      case "Gemm" -> Attributes.integer(node, "transB", 0) != 0 ? 0 : 1;
      default -> 1;
    };
  }

  /** Why a node stays as it is; null where 8 bits may do. */
  private static String whyNot(Graph graph, NodeProto node) {
    if (Set.of("LSTM", "GRU", "RNN").contains(node.getOpType())) {
      return "a recurrent layer feeds its rounding back into itself";
    }
    if (node.getOpType().equals("Einsum")) {
      return "an Einsum has no 8-bit kernel";
    }
    TensorProto weights = graph.initializers().get(node.getInput(1));
    if (weights == null) {
      return "both factors change with the input, as in attention: 127 steps are too few for"
          + " probabilities";
    }
    OnnxModel.Value activation = graph.type(node.getInput(0));
    if (weights.getDataType() != ElementType.FLOAT.code()
        || activation == null
        || activation.type() != ElementType.FLOAT) {
      return "it is not FP32";
    }
    if (graph.initializers().containsKey(node.getInput(0))) {
      return "it is constant";
    }
    String bias = node.getInputCount() > 2 ? node.getInput(2) : "";
    if (!bias.isEmpty() && !isPerChannel(graph.initializers().get(bias))) {
      return "its bias is no constant with one number for each channel";
    }
    return switch (node.getOpType()) {
      case "Conv" -> weights.getDimsCount() < 3 ? "its weights have less than 3 dimensions" : null;
      case "ConvTranspose" ->
          Attributes.integer(node, "group", 1) != 1
              ? "a ConvTranspose of groups has no 8-bit kernel"
              : null;
      case "Gemm" ->
          Attributes.decimal(node, "alpha", 1) != 1
                  || Attributes.decimal(node, "beta", 1) != 1
                  || Attributes.integer(node, "transA", 0) != 0
              ? "it scales or transposes its inputs"
              : small(weights, Attributes.integer(node, "transB", 0) != 0 ? 1 : 0);
      default -> weights.getDimsCount() != 2 ? "its weights are no matrix" : small(weights, 0);
    };
  }

  /** Whether a bias is one number, or one for each element of its last axis. */
  private static boolean isPerChannel(TensorProto bias) {
    if (bias == null || bias.getDataType() != ElementType.FLOAT.code()) {
      return false;
    }
    return bias.getDimsList().stream()
        .limit(Math.max(0, bias.getDimsCount() - 1))
        .allMatch(d -> d == 1);
  }

  private static String small(TensorProto weights, int innerAxis) {
    long inner = weights.getDims(innerAxis);
    long columns = weights.getDims(1 - innerAxis);
    return inner < MIN_PRODUCT || columns < MIN_PRODUCT
        ? "its weights of "
            + inner
            + " x "
            + columns
            + " are too small: quantizing its input costs more than it saves"
        : null;
  }
}
