package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The operations of a node, from the shapes of what it takes and gives, by the definitions of the
 * ONNX operators (github.com/onnx/onnx, docs/Operators.md) and of ONNX Runtime's own
 * (docs/ContribOperators.md there).
 *
 * <ul>
 *   <li>A multiplication with the addition that follows is two operations: published tables mostly
 *       count such pairs (multiply-accumulates), so have half of this.
 *   <li>An elementary function of one element (exp, tanh, erf, a comparison) is one.
 *   <li>Moving, picking and reinterpreting elements is none.
 *   <li>Of recurrent networks the matrix products count; what is done with each gate, which is some
 *       ten operations a hidden element, does not.
 * </ul>
 *
 * <p>Thread safety: stateless.
 */
final class NodeFlops {
  private static final Set<String> NONE =
      Set.of(
          ("BitCast Cast CastLike CenterCropPad Col2Im Compress Concat Constant ConstantOfShape"
                  + " DepthToSpace Dropout Expand EyeLike Flatten Gather GatherElements GatherND"
                  + " Identity ImageDecoder NonZero OneHot Pad Range Reshape ReverseSequence Scatter"
                  + " ScatterElements ScatterND Shape Size Slice SpaceToDepth Split Squeeze"
                  + " StringConcat StringNormalizer StringSplit TensorScatter Tile Transpose Trilu"
                  + " Unsqueeze Where")
              .split(" ", -1));

  private static final Set<String> ELEMENTWISE =
      Set.of(
          ("Abs Acos Acosh Add And Asin Asinh Atan Atanh Bernoulli BitShift BitwiseAnd BitwiseNot"
                  + " BitwiseOr BitwiseXor Ceil Celu Clip Cos Cosh Div Elu Equal Erf Exp Floor Gelu"
                  + " Greater GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less"
                  + " LessOrEqual Log Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu"
                  + " Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Swish Tan Tanh"
                  + " ThresholdedRelu Xor")
              .split(" ", -1));

  /** Operations per element of what is taken. */
  private static final Map<String, Integer> PER_INPUT = new HashMap<>();

  static {
    for (String reduction :
        List.of("ArgMax", "ArgMin", "CumSum", "GlobalAveragePool", "GlobalMaxPool")) {
      PER_INPUT.put(reduction, 1);
    }
    for (String reduction : List.of("Max", "Min", "Mean", "Sum", "Prod")) {
      PER_INPUT.put("Reduce" + reduction, 1);
    }
    for (String reduction : List.of("L1", "L2", "SumSquare", "LogSum")) {
      PER_INPUT.put("Reduce" + reduction, 2);
    }
    PER_INPUT.put("ReduceLogSumExp", 2);
    PER_INPUT.put("GlobalLpPool", 2);
    // A scale and a shift; a quotient and a rounding.
    PER_INPUT.put("BatchNormalization", 2);
    PER_INPUT.put("QuantizeLinear", 2);
    PER_INPUT.put("DequantizeLinear", 2);
    // Least, greatest, quotient, rounding.
    PER_INPUT.put("DynamicQuantizeLinear", 4);
    // Greatest, difference, exp, sum, quotient.
    PER_INPUT.put("Softmax", 5);
    PER_INPUT.put("LogSoftmax", 5);
    PER_INPUT.put("Hardmax", 1);
    // Square, sum, factor, scale.
    PER_INPUT.put("RMSNormalization", 4);
    PER_INPUT.put("SimplifiedLayerNormalization", 4);
    PER_INPUT.put("LpNormalization", 3);
    PER_INPUT.put("MeanVarianceNormalization", 5);
    // Sum, difference, square, sum, factor, scale, shift.
    PER_INPUT.put("LayerNormalization", 7);
    PER_INPUT.put("InstanceNormalization", 7);
    PER_INPUT.put("GroupNormalization", 7);
    PER_INPUT.put("SkipLayerNormalization", 8);
    PER_INPUT.put("SkipSimplifiedLayerNormalization", 5);
    PER_INPUT.put("FastGelu", 1);
    PER_INPUT.put("QuickGelu", 1);
    PER_INPUT.put("BiasGelu", 2);
  }

  private final Graph graph;
  private final NodeProto node;

  private NodeFlops(Graph graph, NodeProto node) {
    this.graph = graph;
    this.node = node;
  }

  /**
   * Counts.
   *
   * @return nothing where a shape is not known, or the operator is not
   * @throws ArithmeticException when the number does not fit
   */
  static OptionalLong of(Graph graph, NodeProto node) {
    boolean known = Graph.isStandard(node) || node.getDomain().equals("com.microsoft");
    if (!known || Graph.hasSubgraphs(node)) {
      return OptionalLong.empty();
    }
    try {
      return new NodeFlops(graph, node).count();
    } catch (UnknownShapeException e) {
      return OptionalLong.empty();
    }
  }

  /** A shape that the count needs is not known. */
  private static final class UnknownShapeException extends Exception {
    private static final long serialVersionUID = 1;
  }

  private OptionalLong count() throws UnknownShapeException {
    String operator = node.getOpType();
    if (NONE.contains(operator)) {
      return OptionalLong.of(0);
    }
    if (ELEMENTWISE.contains(operator)) {
      return OptionalLong.of(outputElements());
    }
    Integer perInput = PER_INPUT.get(operator);
    if (perInput != null) {
      return OptionalLong.of(Math.multiplyExact(perInput, elements(input(0))));
    }
    return switch (operator) {
      case "Sum", "Mean", "Max", "Min" ->
          OptionalLong.of(
              Math.multiplyExact(Math.max(1, node.getInputCount() - 1), outputElements()));
      case "Conv", "ConvInteger", "FusedConv", "NhwcFusedConv" -> OptionalLong.of(convolution(1));
      case "QLinearConv" -> OptionalLong.of(convolution(3));
      case "ConvTranspose" -> OptionalLong.of(transposedConvolution());
      case "MatMul",
          "MatMulInteger",
          "QLinearMatMul",
          "FusedMatMul",
          "DynamicQuantizeMatMul",
          "MatMulIntegerToFloat" ->
          OptionalLong.of(product());
      case "MatMulNBits" ->
          OptionalLong.of(Math.multiplyExact(2 * integer("K", 0), outputElements()));
      case "Gemm", "QGemm" -> OptionalLong.of(gemm());
      case "Einsum" -> einsum();
      case "AveragePool", "MaxPool", "LpPool", "QLinearAveragePool" ->
          OptionalLong.of(Math.multiplyExact(outputElements(), elements(integers("kernel_shape"))));
      case "LSTM", "GRU", "RNN" -> OptionalLong.of(recurrent());
      case "Attention" -> OptionalLong.of(Graph.isStandard(node) ? attention() : fusedAttention());
      case "MultiHeadAttention" -> OptionalLong.of(attention());
      case "LRN" ->
          OptionalLong.of(Math.multiplyExact(2 * integer("size", 1) + 3, outputElements()));
      case "Resize", "Upsample" -> OptionalLong.of(resize());
      default -> OptionalLong.empty();
    };
  }

  private long[] input(int index) throws UnknownShapeException {
    long[] dims = index < node.getInputCount() ? graph.staticDims(node.getInput(index)) : null;
    if (dims == null) {
      throw new UnknownShapeException();
    }
    return dims;
  }

  private boolean hasInput(int index) {
    return index < node.getInputCount() && !node.getInput(index).isEmpty();
  }

  private long outputElements() throws UnknownShapeException {
    return elements(output());
  }

  private long[] output() throws UnknownShapeException {
    long[] dims = node.getOutputCount() == 0 ? null : graph.staticDims(node.getOutput(0));
    if (dims == null) {
      throw new UnknownShapeException();
    }
    return dims;
  }

  private static long elements(long... dims) {
    return Arrays.stream(dims).reduce(1, Math::multiplyExact);
  }

  /** Weights [M, C/group, k...]: each result is a sum of C/group x k... products, and a bias. */
  private long convolution(int weights) throws UnknownShapeException {
    long[] kernel = input(weights);
    long products = elements(Arrays.copyOfRange(kernel, 1, kernel.length));
    boolean bias = node.getOpType().equals("QLinearConv") ? hasInput(8) : hasInput(2);
    boolean biased = bias && !node.getOpType().equals("ConvInteger");
    return Math.multiplyExact(outputElements(), 2 * products + (biased ? 1 : 0));
  }

  /** Weights [C, M/group, k...]: each element taken goes into M/group x k... sums. */
  private long transposedConvolution() throws UnknownShapeException {
    long[] kernel = input(1);
    long products = elements(Arrays.copyOfRange(kernel, 1, kernel.length));
    return Math.addExact(
        Math.multiplyExact(elements(input(0)), 2 * products), hasInput(2) ? outputElements() : 0);
  }

  private long product() throws UnknownShapeException {
    long[] left = input(0);
    if (left.length == 0) {
      throw new UnknownShapeException();
    }
    boolean turned = left.length > 1 && integer("transA", 0) != 0;
    long inner = turned ? left[left.length - 2] : left[left.length - 1];
    return Math.multiplyExact(2 * inner, outputElements());
  }

  private long gemm() throws UnknownShapeException {
    long third = node.getOpType().equals("Gemm") && hasInput(2) ? outputElements() : 0;
    return Math.addExact(product(), third);
  }

  /** Each combination of labels is one product of all operands, added to a sum. */
  private OptionalLong einsum() throws UnknownShapeException {
    String equation = text("equation").replace(" ", "");
    List<String> operands = List.of(equation.split("->", -1)[0].split(",", -1));
    if (equation.contains(".") || operands.size() != node.getInputCount()) {
      return OptionalLong.empty();
    }
    Map<Character, Long> extents = new HashMap<>();
    for (int i = 0; i < operands.size(); i++) {
      long[] dims = input(i);
      if (dims.length != operands.get(i).length()) {
        return OptionalLong.empty();
      }
      for (int axis = 0; axis < dims.length; axis++) {
        extents.put(operands.get(i).charAt(axis), dims[axis]);
      }
    }
    long all = extents.values().stream().reduce(1L, Math::multiplyExact);
    return OptionalLong.of(Math.multiplyExact(operands.size(), all));
  }

  /** X [T, B, I] with W [D, gates x H, I] and R [D, gates x H, H]: both products at each step. */
  private long recurrent() throws UnknownShapeException {
    long[] x = input(0);
    if (x.length != 3) {
      throw new UnknownShapeException();
    }
    long weights = Math.addExact(elements(input(1)), elements(input(2)));
    return Math.multiplyExact(2 * x[0] * x[1], weights);
  }

  /**
   * Q and V [B, S, N x H] or [B, N, S, H]: for each query the product with every key, and the sum
   * of every value.
   */
  private long attention() throws UnknownShapeException {
    long[] query = input(0);
    long[] key = input(1);
    if (query.length != key.length || query.length < 3 || query.length > 4 || hasInput(4)) {
      throw new UnknownShapeException();
    }
    long keys = key[key.length - 2];
    return Math.multiplyExact(2 * keys, Math.addExact(elements(query), outputElements()));
  }

  /** Input [B, S, I] with weights [I, 3 x H]: the projections, and the attention of H columns. */
  private long fusedAttention() throws UnknownShapeException {
    long[] x = input(0);
    long[] weights = input(1);
    if (x.length != 3 || weights.length != 2) {
      throw new UnknownShapeException();
    }
    long projections = Math.multiplyExact(2 * elements(x), weights[1]);
    long attended = Math.multiplyExact(2 * x[1], 2 * outputElements());
    return Math.addExact(projections, attended);
  }

  /** Between neighbours: a product and a sum for each of the corners. */
  private long resize() throws UnknownShapeException {
    String mode = text("mode");
    if (mode.isEmpty() || mode.equals("nearest")) {
      return 0;
    }
    long[] from = input(0);
    long[] to = output();
    long corners = 1;
    for (int axis = 0; axis < to.length; axis++) {
      corners *= from[axis] == to[axis] ? 1 : mode.equals("cubic") ? 4 : 2;
    }
    return Math.multiplyExact(2 * corners, elements(to));
  }

  private AttributeProto attribute(String name) {
    return node.getAttributeList().stream()
        .filter(attribute -> attribute.getName().equals(name))
        .findFirst()
        .orElse(AttributeProto.getDefaultInstance());
  }

  private long integer(String name, long absent) {
    AttributeProto attribute = attribute(name);
    return attribute.getName().isEmpty() ? absent : attribute.getI();
  }

  private long[] integers(String name) {
    return attribute(name).getIntsList().stream().mapToLong(Long::longValue).toArray();
  }

  private String text(String name) {
    return attribute(name).getS().toStringUtf8();
  }
}
