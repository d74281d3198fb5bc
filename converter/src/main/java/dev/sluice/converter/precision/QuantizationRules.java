package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.Reals;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * What TensorRT asks of QuantizeLinear and DequantizeLinear: it quantizes symmetrically, by scales
 * that it knows when it builds, to signed types; values per tensor, weights per tensor, per channel
 * or in blocks. The rules are those of its documents ("Working with Quantized Types") and of its
 * parser, stricter than ONNX's.
 *
 * <p>Thread safety: used by one thread.
 */
final class QuantizationRules {
  static final String QUANTIZE = "QuantizeLinear";
  private static final String DEQUANTIZE = "DequantizeLinear";

  private static final Set<ElementType> TAKEN =
      Set.of(ElementType.INT8, ElementType.FLOAT8E4M3FN, ElementType.INT4);

  /** Operators that move values and do nothing to them. */
  private static final Set<String> MOVES =
      Set.of("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity");

  /** Operators with a bias, at this position. */
  private static final Set<String> BIASED = Set.of("Conv", "ConvTranspose", "Gemm");

  private static final int BIAS = 2;

  private final Graph graph;
  private final NewWeights weights;
  private final ScaleShapes shapes;

  QuantizationRules(Graph graph, NewWeights weights) {
    this.graph = graph;
    this.weights = weights;
    this.shapes = new ScaleShapes(graph);
  }

  /** What speaks against a node of the standard; each goes on from the node. */
  List<String> check(NodeProto node) throws IOException {
    boolean quantizes = node.getOpType().equals(QUANTIZE);
    if (!quantizes && !node.getOpType().equals(DEQUANTIZE)) {
      return bias(node);
    }
    List<String> problems = new ArrayList<>();
    if (!quantizes && type(node.getInput(0)) == ElementType.INT32) {
      problems.add(
          "makes a bias of INT32 '"
              + node.getInput(0)
              + "', which TensorRT does not take; leave biases as they are, FLOAT");
      return problems;
    }
    if (isUnused(node.getOutput(0))) {
      problems.add("makes '" + node.getOutput(0) + "', which nobody takes; drop the node");
    }
    type(node, quantizes, problems);
    zeroPoint(node, problems);
    double[] scale = scale(node, quantizes, problems);
    if (scale != null) {
      shapes.granularity(node, quantizes, problems);
    }
    if (quantizes) {
      twice(node, scale, problems);
      takers(node, problems);
    }
    return problems;
  }

  private ElementType type(String value) {
    return StrongTyping.type(graph, value);
  }

  private boolean isUnused(String value) {
    return graph.consumers(value).isEmpty() && !graph.outputs().contains(value);
  }

  static String input(NodeProto node, int position) {
    return position < node.getInputCount() ? node.getInput(position) : "";
  }

  /** Layers whose bias is quantized, of whatever type. */
  private List<String> bias(NodeProto node) {
    String bias = BIASED.contains(node.getOpType()) ? input(node, BIAS) : "";
    int producer = graph.producer(bias);
    // INT32 is told of the node that makes it.
    boolean quantized =
        producer >= 0
            && is(graph.nodes().get(producer), DEQUANTIZE)
            && type(graph.nodes().get(producer).getInput(0)) != ElementType.INT32;
    return quantized
        ? List.of(
            "takes the quantized bias '"
                + bias
                + "', which TensorRT adds as a real number; leave biases as they are, FLOAT")
        : List.of();
  }

  private void type(NodeProto node, boolean quantizes, List<String> problems) {
    String value = quantizes ? node.getOutput(0) : node.getInput(0);
    ElementType type = type(value);
    if (type == ElementType.UINT8) {
      problems.add(
          "has '"
              + value
              + "' of UINT8, and TensorRT quantizes to signed types; give it a zero point of INT8"
              + " zeros, and a scale for both signs");
    } else if (!TAKEN.contains(type)) {
      problems.add(
          "has '"
              + value
              + "' of "
              + type
              + ", and TensorRT takes INT8, FLOAT8E4M3FN or INT4;"
              + " quantize to one of these");
    } else if (type == ElementType.INT4) {
      shapes.fourBits(node, quantizes, problems);
    }
  }

  private void zeroPoint(NodeProto node, List<String> problems) throws IOException {
    String name = input(node, 2);
    if (name.isEmpty()) {
      return;
    }
    TensorProto tensor = graph.constant(name);
    if (tensor == null) {
      problems.add(
          "has the zero point '"
              + name
              + "', which is no constant, and TensorRT quantizes symmetrically; make it zeros");
      return;
    }
    byte[] bytes = weights.bytes(tensor).toArray(ValueLayout.JAVA_BYTE);
    boolean minus = type(name) == ElementType.FLOAT8E4M3FN;
    for (byte b : bytes) {
      if (b != 0 && !(minus && b == Byte.MIN_VALUE)) {
        problems.add(
            "has the zero point '"
                + name
                + "', which is not zero, and TensorRT quantizes symmetrically; calibrate for a"
                + " scale alone");
        return;
      }
    }
    if (!Arrays.equals(graph.staticDims(name), graph.staticDims(node.getInput(1)))) {
      problems.add(
          "has the zero point '"
              + name
              + "' of another shape than the scale '"
              + node.getInput(1)
              + "'; give both the same");
    }
  }

  /** Checks the scale, and gives it; null where it is no constant of real numbers. */
  private double[] scale(NodeProto node, boolean quantizes, List<String> problems)
      throws IOException {
    String name = node.getInput(1);
    TensorProto tensor = graph.constant(name);
    if (tensor == null || !Reals.isReal(type(name))) {
      problems.add(
          "has the scale '"
              + name
              + "', which is no constant of real numbers, and TensorRT must know it when it builds;"
              + " calibrate it");
      return null;
    }
    ElementType real = type(quantizes ? node.getInput(0) : node.getOutput(0));
    if (type(name) != real) {
      problems.add(
          "has the scale '"
              + name
              + "' of "
              + type(name)
              + ", and "
              + (quantizes ? "takes '" + node.getInput(0) : "makes '" + node.getOutput(0))
              + "' of "
              + real
              + "; convert the scale to that");
    }
    MemorySegment bytes = weights.bytes(tensor);
    double[] scale = new double[(int) (bytes.byteSize() * Byte.SIZE / type(name).bits())];
    for (int i = 0; i < scale.length; i++) {
      scale[i] = Reals.get(type(name), bytes, i);
      if (!(scale[i] > 0 && Double.isFinite(scale[i]))) {
        problems.add(
            "has the scale '"
                + name
                + "', which is "
                + scale[i]
                + " at "
                + i
                + ", and TensorRT takes positive finite ones; calibrate again");
        return scale;
      }
    }
    return scale;
  }

  /** What was quantized by another scale and not computed with since. */
  private void twice(NodeProto node, double[] scale, List<String> problems) throws IOException {
    String value = node.getInput(0);
    int producer = graph.producer(value);
    while (producer >= 0 && MOVES.contains(graph.nodes().get(producer).getOpType())) {
      producer = graph.producer(graph.nodes().get(producer).getInput(0));
    }
    NodeProto before = producer < 0 ? null : graph.nodes().get(producer);
    if (before == null || !is(before, DEQUANTIZE) || scale == null) {
      return;
    }
    double[] other = scale(before, false, new ArrayList<>());
    if (!Arrays.equals(scale, other)) {
      problems.add(
          "quantizes '"
              + value
              + "' by '"
              + node.getInput(1)
              + "', which "
              + OnnxModel.describe(before)
              + " has made of another scale, '"
              + before.getInput(1)
              + "'; give both the same, or drop one pair");
    }
  }

  private void takers(NodeProto node, List<String> problems) {
    for (int taker : graph.consumers(node.getOutput(0))) {
      NodeProto other = graph.nodes().get(taker);
      if (!is(other, DEQUANTIZE) && !MOVES.contains(other.getOpType())) {
        problems.add(
            "makes '"
                + node.getOutput(0)
                + "', which "
                + OnnxModel.describe(other)
                + " takes, and in TensorRT only DequantizeLinear takes what is quantized; put one"
                + " between");
      }
    }
  }

  static boolean is(NodeProto node, String operator) {
    return Graph.isStandard(node) && node.getOpType().equals(operator);
  }
}
