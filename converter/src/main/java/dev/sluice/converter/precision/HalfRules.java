package dev.sluice.converter.precision;

import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.Numbers;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which operators compute in FLOAT whatever the model is to be, and why.
 *
 * <p>Not among them, though one might think so:
 *
 * <ul>
 *   <li>Conv, Gemm, MatMul, Einsum and attention: tensor cores add up products of 16 bits in FLOAT.
 *   <li>Softmax and LogSoftmax: the largest input is subtracted first, so nothing overflows, and
 *       the kernels of fused attention, which add up in FLOAT, need them in the type around them.
 *   <li>LayerNormalization, GroupNormalization, InstanceNormalization, RMSNormalization: TensorRT
 *       has a layer for them that computes statistics in FLOAT. What is spelt out as single
 *       operators is found by {@link SquareNodes}.
 *   <li>BatchNormalization of constants: it is two numbers per channel, computed beforehand.
 *   <li>AveragePool, GlobalAveragePool: the result is no larger than the input, and the kernels add
 *       up in FLOAT.
 *   <li>Exp, Pow, Reciprocal and the like: whether they overflow depends on the data, which {@link
 *       HalfPrecision#overflowing} tells.
 * </ul>
 *
 * <p>Thread safety: used by one thread.
 */
final class HalfRules {
  private static final String RANDOM = "draws random numbers, which depend on the type";
  private static final String COORDINATES = "takes coordinates, finer than 16 bits tell apart";
  private static final String RECURRENT =
      "carries a state from step to step, whose rounding adds up and is not seen from outside";
  private static final String SPECTRUM = "adds up a whole signal for each frequency";

  private static final Map<String, String> REASONS = new HashMap<>();

  static {
    List.of(
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
            "Bernoulli",
            "Multinomial")
        .forEach(operator -> REASONS.put(operator, RANDOM));
    List.of("RoiAlign", "MaxRoiPool", "GridSample", "AffineGrid", "NonMaxSuppression")
        .forEach(operator -> REASONS.put(operator, COORDINATES));
    List.of("LSTM", "GRU", "RNN").forEach(operator -> REASONS.put(operator, RECURRENT));
    List.of("DFT", "STFT", "MelWeightMatrix", "HannWindow", "HammingWindow", "BlackmanWindow")
        .forEach(operator -> REASONS.put(operator, SPECTRUM));
    List.of("LRN", "LpNormalization", "LpPool", "GlobalLpPool", "MeanVarianceNormalization")
        .forEach(operator -> REASONS.put(operator, "adds up powers of its input"));
    List.of("CumSum", "CumProd")
        .forEach(operator -> REASONS.put(operator, "adds up along an axis, result by result"));
    REASONS.put("Range", "counts");
    REASONS.put("EyeLike", "makes constants");
    REASONS.put("ReduceProd", "multiplies all that it takes");
    REASONS.put("Det", "multiplies as many numbers as a matrix has rows");
    REASONS.put("SoftmaxCrossEntropyLoss", "adds up over a batch");
    REASONS.put("NegativeLogLikelihoodLoss", "adds up over a batch");
  }

  private static final Set<String> REDUCTIONS =
      Set.of(
          "ReduceSum",
          "ReduceMean",
          "ReduceL1",
          "ReduceL2",
          "ReduceSumSquare",
          "ReduceLogSum",
          "ReduceLogSumExp");

  /**
   * Operators that pass on, choose or compare what they get: they compute nothing that is rounded,
   * so their type is that of what is around them.
   */
  private static final Set<String> PASSING =
      Set.of(
          "Abs",
          "ArgMax",
          "ArgMin",
          "Cast",
          "CastLike",
          "CenterCropPad",
          "Clip",
          "Compress",
          "Concat",
          "ConstantOfShape",
          "DepthToSpace",
          "DequantizeLinear",
          "Dropout",
          "Equal",
          "Expand",
          "Flatten",
          "Gather",
          "GatherElements",
          "GatherND",
          "GlobalMaxPool",
          "Greater",
          "GreaterOrEqual",
          "Identity",
          "IsInf",
          "IsNaN",
          "Less",
          "LessOrEqual",
          "Max",
          "MaxPool",
          "Min",
          "Neg",
          "NonZero",
          "OneHot",
          "Pad",
          "QuantizeLinear",
          "ReduceMax",
          "ReduceMin",
          "Relu",
          "Reshape",
          "ReverseSequence",
          "Shape",
          "Sign",
          "Size",
          "Slice",
          "SpaceToDepth",
          "Split",
          "Squeeze",
          "Tile",
          "TopK",
          "Transpose",
          "Trilu",
          "Unique",
          "Unsqueeze",
          "Where");

  /** Of these, operators whose results are not always among what they take. */
  private static final Set<String> ROUNDING = Set.of("Cast", "CastLike", "DequantizeLinear");

  /** Operators to which the type of what they take does not matter. */
  private static final Set<String> INDIFFERENT = Set.of("Cast", "Shape", "Size", "EyeLike");

  private final Graph graph;
  private final HalfFormat format;

  HalfRules(Graph graph, HalfFormat format) {
    this.graph = graph;
    this.format = format;
  }

  /** Whether an operator takes the type of what is around it. */
  static boolean isPassing(NodeProto node) {
    return Graph.isStandard(node) && PASSING.contains(node.getOpType());
  }

  /** Whether whatever an operator gives is as it was taken, so that it needs no rounding. */
  static boolean isExact(NodeProto node) {
    return isPassing(node) && !ROUNDING.contains(node.getOpType());
  }

  /** Whether an operator takes whatever type there is at a position, and does the same. */
  static boolean isIndifferent(NodeProto node, int position) {
    return Graph.isStandard(node)
        && (INDIFFERENT.contains(node.getOpType())
            || (node.getOpType().equals("CastLike") && position == 0));
  }

  /** Why a node of the standard stays FLOAT by its operator; null where nothing speaks for it. */
  String reason(NodeProto node) {
    String reason = REASONS.get(node.getOpType());
    if (node.getOpType().startsWith("Scatter")
        && node.getAttributeList().stream()
            .anyMatch(
                a -> a.getName().equals("reduction") && !a.getS().toStringUtf8().equals("none"))) {
      return "reduces what falls on one place";
    }
    if (reason != null || !REDUCTIONS.contains(node.getOpType())) {
      return reason;
    }
    // A running sum of numbers alike stands still at 2^bits of them; up to an eighth of that, the
    // last one still counts with three bits.
    long most = 1L << (format.significantBits() - 3);
    long addends = addends(node);
    if (addends < 0) {
      return "reduces an extent that is not known";
    }
    return addends > most
        ? "reduces " + addends + " numbers to one, and " + format + " adds up " + most + " at most"
        : null;
  }

  /** How many elements a reduction makes one of; -1 where that is not known. */
  private long addends(NodeProto node) {
    OnnxModel.Value type = graph.type(node.getInput(0));
    if (type == null || !type.isRanked()) {
      return -1;
    }
    int rank = type.dims().size();
    Set<Integer> axes = axes(node, rank);
    if (axes == null) {
      return -1;
    }
    long count = 1;
    for (int axis : axes) {
      long extent = type.dims().get(axis).extent();
      if (extent < 0) {
        return -1;
      }
      count *= extent;
    }
    return count;
  }

  private Set<Integer> axes(NodeProto node, int rank) {
    long[] given = {};
    boolean none = false;
    for (AttributeProto attribute : node.getAttributeList()) {
      if (attribute.getName().equals("axes")) {
        given = attribute.getIntsList().stream().mapToLong(Long::longValue).toArray();
      }
      none |= attribute.getName().equals("noop_with_empty_axes") && attribute.getI() != 0;
    }
    if (node.getInputCount() > 1 && !node.getInput(1).isEmpty()) {
      TensorProto constant = graph.constant(node.getInput(1));
      given = constant == null ? null : Numbers.read(constant);
      if (given == null) {
        return null;
      }
    }
    Set<Integer> axes = new HashSet<>();
    if (given.length == 0) {
      for (int axis = 0; axis < rank && !none; axis++) {
        axes.add(axis);
      }
      return axes;
    }
    for (long axis : given) {
      if (axis < -rank || axis >= rank) {
        return null;
      }
      axes.add((int) (axis < 0 ? axis + rank : axis));
    }
    return axes;
  }
}
