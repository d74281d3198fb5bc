package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
          ("BitCast Cast CastLike CenterCropPad Col2Im Compress Concat ConcatFromSequence Constant"
                  + " ConstantOfShape DepthToSpace Dropout Expand EyeLike Flatten Gather"
                  + " GatherElements GatherND Identity ImageDecoder NonZero OneHot Optional"
                  + " OptionalGetElement OptionalHasElement Pad Range Reshape ReverseSequence Scatter"
                  + " ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty"
                  + " SequenceErase SequenceInsert SequenceLength Shape Size Slice SpaceToDepth"
                  + " Split SplitToSequence Squeeze StringConcat StringNormalizer StringSplit"
                  + " TensorScatter Tile Transpose Trilu Unsqueeze Where")
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

  private static final String UNKNOWN_OPERATOR = "of this operator nothing is known here";

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
   * @param node without subgraphs, and no call of a function
   * @throws NotCountedException when a shape is not known, the operator is not, or the number does
   *     not fit
   */
  static long of(Graph graph, NodeProto node) throws NotCountedException {
    if (!Graph.isStandard(node) && !node.getDomain().equals("com.microsoft")) {
      throw new NotCountedException(UNKNOWN_OPERATOR);
    }
    try {
      return new NodeFlops(graph, node).count();
    } catch (ArithmeticException e) {
      throw new NotCountedException(NotCountedException.TOO_MANY, e);
    }
  }

  private long count() throws NotCountedException {
    String operator = node.getOpType();
    if (NONE.contains(operator)) {
      return 0;
    }
    if (ELEMENTWISE.contains(operator)) {
      return outputElements();
    }
    Integer perInput = PER_INPUT.get(operator);
    if (perInput != null) {
      return Math.multiplyExact(perInput, elements(input(0)));
    }
    return switch (operator) {
      case "Sum", "Mean", "Max", "Min" ->
          Math.multiplyExact(Math.max(1, node.getInputCount() - 1), outputElements());
      case "Conv", "ConvInteger", "FusedConv", "NhwcFusedConv" -> convolution(1);
      case "QLinearConv" -> convolution(3);
      case "ConvTranspose" -> transposedConvolution();
      case "MatMul",
          "MatMulInteger",
          "QLinearMatMul",
          "FusedMatMul",
          "DynamicQuantizeMatMul",
          "MatMulIntegerToFloat" ->
          product();
      case "MatMulNBits" -> elements(2, integer("K", 0), outputElements());
      case "Gemm", "QGemm" -> gemm();
      case "Einsum" -> einsum();
      case "AveragePool", "MaxPool", "LpPool", "QLinearAveragePool" ->
          Math.multiplyExact(outputElements(), elements(integers("kernel_shape")));
      case "LSTM", "GRU", "RNN" -> recurrent();
      case "Attention" -> Graph.isStandard(node) ? attention() : fusedAttention();
      case "MultiHeadAttention" -> attention();
      case "LRN" ->
          Math.multiplyExact(Math.addExact(elements(2, integer("size", 1)), 3), outputElements());
      case "Resize", "Upsample" -> resize();
      default -> throw new NotCountedException(UNKNOWN_OPERATOR);
    };
  }

  private long[] input(int index) throws NotCountedException {
    if (index >= node.getInputCount()) {
      throw new NotCountedException("its input " + index + " is missing");
    }
    return dims(node.getInput(index));
  }

  private long[] dims(String value) throws NotCountedException {
    long[] dims = graph.staticDims(value);
    if (dims == null) {
      throw NotCountedException.unknownShape(value);
    }
    return dims;
  }

  private boolean hasInput(int index) {
    return index < node.getInputCount() && !node.getInput(index).isEmpty();
  }

  private long outputElements() throws NotCountedException {
    return elements(output());
  }

  private long[] output() throws NotCountedException {
    return dims(node.getOutputCount() == 0 ? "" : node.getOutput(0));
  }

  private static long elements(long... dims) {
    return Arrays.stream(dims).reduce(1, Math::multiplyExact);
  }

  /** Weights [M, C/group, k...]: each result is a sum of C/group x k... products, and a bias. */
  private long convolution(int weights) throws NotCountedException {
    long[] kernel = input(weights);
    long products = elements(Arrays.copyOfRange(kernel, 1, kernel.length));
    boolean bias = node.getOpType().equals("QLinearConv") ? hasInput(8) : hasInput(2);
    boolean biased = bias && !node.getOpType().equals("ConvInteger");
    return Math.multiplyExact(
        outputElements(), Math.addExact(elements(2, products), biased ? 1 : 0));
  }

  /** Weights [C, M/group, k...]: each element taken goes into M/group x k... sums. */
  private long transposedConvolution() throws NotCountedException {
    long[] kernel = input(1);
    long products = elements(Arrays.copyOfRange(kernel, 1, kernel.length));
    return Math.addExact(
        elements(2, elements(input(0)), products), hasInput(2) ? outputElements() : 0);
  }

  private long product() throws NotCountedException {
    long[] left = input(0);
    if (left.length == 0) {
      throw new NotCountedException("'" + node.getInput(0) + "' is a scalar");
    }
    boolean turned = left.length > 1 && integer("transA", 0) != 0;
    long inner = turned ? left[left.length - 2] : left[left.length - 1];
    return elements(2, inner, outputElements());
  }

  private long gemm() throws NotCountedException {
    long third = node.getOpType().equals("Gemm") && hasInput(2) ? outputElements() : 0;
    return Math.addExact(product(), third);
  }

  /** Each combination of labels is one product of all operands, added to a sum. */
  private long einsum() throws NotCountedException {
    String equation = text("equation").replace(" ", "");
    List<String> operands = List.of(equation.split("->", -1)[0].split(",", -1));
    if (equation.contains(".") || operands.size() != node.getInputCount()) {
      throw uncountedEquation();
    }
    Map<Character, Long> extents = new HashMap<>();
    for (int i = 0; i < operands.size(); i++) {
      long[] dims = input(i);
      if (dims.length != operands.get(i).length()) {
        throw uncountedEquation();
      }
      for (int axis = 0; axis < dims.length; axis++) {
        extents.put(operands.get(i).charAt(axis), dims[axis]);
      }
    }
    long all = extents.values().stream().reduce(1L, Math::multiplyExact);
    return Math.multiplyExact(operands.size(), all);
  }

  private NotCountedException uncountedEquation() {
    return new NotCountedException(
        "of equations like '" + text("equation") + "' nothing is known here");
  }

  /** X [T, B, I] with W [D, gates x H, I] and R [D, gates x H, H]: both products at each step. */
  private long recurrent() throws NotCountedException {
    long[] x = input(0);
    if (x.length != 3) {
      throw otherForm();
    }
    long weights = Math.addExact(elements(input(1)), elements(input(2)));
    return elements(2, x[0], x[1], weights);
  }

  /**
   * Q and V [B, S, N x H] or [B, N, S, H]: for each query the product with every key, and the sum
   * of every value.
   */
  private long attention() throws NotCountedException {
    long[] query = input(0);
    long[] key = input(1);
    if (query.length != key.length || query.length < 3 || query.length > 4 || hasInput(4)) {
      throw otherForm();
    }
    long keys = key[key.length - 2];
    return elements(2, keys, Math.addExact(elements(query), outputElements()));
  }

  /** Input [B, S, I] with weights [I, 3 x H]: the projections, and the attention of H columns. */
  private long fusedAttention() throws NotCountedException {
    long[] x = input(0);
    long[] weights = input(1);
    if (x.length != 3 || weights.length != 2) {
      throw otherForm();
    }
    long projections = elements(2, elements(x), weights[1]);
    long attended = elements(4, x[1], outputElements());
    return Math.addExact(projections, attended);
  }

  private static NotCountedException otherForm() {
    return new NotCountedException("its inputs are of a form of which nothing is known here");
  }

  /** Between neighbours: a product and a sum for each of the corners. */
  private long resize() throws NotCountedException {
    String mode = text("mode");
    if (mode.isEmpty() || mode.equals("nearest")) {
      return 0;
    }
    long[] from = input(0);
    long[] to = output();
    long corners = 1;
    for (int axis = 0; axis < to.length; axis++) {
      int each = from[axis] == to[axis] ? 1 : mode.equals("cubic") ? 4 : 2;
      corners = Math.multiplyExact(corners, each);
    }
    return elements(2, corners, elements(to));
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
