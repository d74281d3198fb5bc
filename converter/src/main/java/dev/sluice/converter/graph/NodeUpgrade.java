package dev.sluice.converter.graph;

import static java.util.Map.entry;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * Makes of a node of operator set 7 to 21 those that do the same in a later one, up to 22: a step
 * for each version in which the operator changed. Up to 13 these are:
 *
 * <ul>
 *   <li>Bounds, pads, axes and the like were attributes and are inputs: small constants.
 *   <li>Softmax, LogSoftmax and Hardmax took all axes from theirs on as one; now they take one. It
 *       is the same where that is the last, or where all but one from there on have the extent 1;
 *       else the input is flattened ahead and shaped as it was after.
 *   <li>BatchNormalization could have a factor for each element of a row; the input is flattened,
 *       so that each is a channel.
 *   <li>Scatter is named ScatterElements, and DynamicSlice, an experiment, Slice. For Upsample and
 *       Resize see {@link ResizeUpgrade}, for Scan see {@link ScanUpgrade}.
 * </ul>
 *
 * <p>For what changed after 13 see {@link LaterUpgrade}.
 *
 * <p>What changed for all other operators are the types that they take, of which none was lost that
 * ONNX Runtime computes with.
 *
 * <p>Thread safety: used by one thread.
 */
final class NodeUpgrade {
  /**
   * What is done with an operator.
   *
   * @param since the version that brought the form and the meaning that a node gets
   * @param what was done, in words
   */
  private record Rule(long since, Step step, String what) {}

  /** Gives the nodes that take a node's place. */
  @FunctionalInterface
  private interface Step {
    List<NodeProto> nodes(NodeUpgrade upgrade, NodeProto node) throws OpsetException, IOException;
  }

  private static final Rule AXES =
      new Rule(13, (upgrade, node) -> upgrade.asInput(node, "axes"), "takes its axes as an input");

  private static final Rule LATER_AXES = new Rule(18, AXES.step(), AXES.what());

  private static final Rule FLATTENED =
      new Rule(13, NodeUpgrade::softmax, "goes over the elements that it did");

  private static final Rule QUANTIZATION =
      new Rule(13, NodeUpgrade::quantization, "takes a scale without a dimension");

  /** Experiments that operator set 10 has no more, and that nobody took up. */
  private static final Set<String> REMOVED =
      Set.of(
          "Affine",
          "Crop",
          "GivenTensorFill",
          "ImageScaler",
          "ParametricSoftplus",
          "Scale",
          "ScaledTanh");

  /** The steps of an operator, the earliest version first. */
  private static final Map<String, List<Rule>> RULES =
      Map.ofEntries(
          entry(
              "BatchNormalization",
              List.of(
                  new Rule(9, NodeUpgrade::norm, "lost its form by element"),
                  new Rule(14, NodeUpgrade::statistics, "gives no statistics"))),
          rule("Clip", 11, NodeUpgrade::clip, "takes its bounds as inputs"),
          entry("DequantizeLinear", List.of(QUANTIZATION)),
          rule("DFT", 20, NodeUpgrade::fourier, "takes its axis as an input"),
          entry("DynamicSlice", List.of(renamed("Slice"))),
          rule("Dropout", 12, NodeUpgrade::dropout, "takes its ratio as an input"),
          rule(
              "GridSample",
              20,
              (_, node) -> List.of(LaterUpgrade.grid(node)),
              "calls its mode otherwise"),
          rule("GroupNormalization", 21, NodeUpgrade::groups, "scales each channel"),
          entry("Hardmax", List.of(FLATTENED)),
          entry("LogSoftmax", List.of(FLATTENED)),
          rule("Pad", 11, NodeUpgrade::pad, "takes its pads as an input"),
          entry("QuantizeLinear", List.of(QUANTIZATION)),
          entry("ReduceL1", List.of(LATER_AXES)),
          entry("ReduceL2", List.of(LATER_AXES)),
          entry("ReduceLogSum", List.of(LATER_AXES)),
          entry("ReduceLogSumExp", List.of(LATER_AXES)),
          entry("ReduceMax", List.of(LATER_AXES)),
          entry("ReduceMean", List.of(LATER_AXES)),
          entry("ReduceMin", List.of(LATER_AXES)),
          entry("ReduceProd", List.of(LATER_AXES)),
          entry("ReduceSum", List.of(AXES)),
          entry("ReduceSumSquare", List.of(LATER_AXES)),
          rule("Resize", 13, NodeUpgrade::resize, "says how it takes elements"),
          rule(
              "RoiAlign",
              16,
              (_, node) -> List.of(LaterUpgrade.align(node)),
              "says where pixels are"),
          rule("Scan", 9, NodeUpgrade::scan, "goes over its batch and its axis apart"),
          entry("Scatter", List.of(renamed("ScatterElements"))),
          rule("Slice", 10, NodeUpgrade::slice, "takes its bounds as inputs"),
          entry("Softmax", List.of(FLATTENED)),
          entry(
              "Split",
              List.of(
                  new Rule(13, NodeUpgrade::split, "takes its extents as an input"),
                  new Rule(
                      18, (_, node) -> List.of(LaterUpgrade.split(node)), "counts its outputs"))),
          entry("Squeeze", List.of(AXES)),
          rule("TopK", 10, NodeUpgrade::topK, "takes its k as an input"),
          entry("Unsqueeze", List.of(AXES)),
          rule("Upsample", 10, NodeUpgrade::upsample, "became Resize"));

  private final long to;
  private final Scope scope;
  private final Consumer<String> changes;
  private final Set<String> taken;
  private final NewWeights weights;
  private final NewNodes parts;

  /**
   * Changes nodes of one graph or subgraph.
   *
   * @param to the version that they get
   * @param scope what is known of the values that they take
   * @param changes takes what was done with a node, in words
   * @param taken values that some node takes or that a graph gives
   * @param names makes a name that no value has of one that is wished for
   * @param weights finds the bytes of constants
   */
  NodeUpgrade(
      long to,
      Scope scope,
      Consumer<String> changes,
      Set<String> taken,
      UnaryOperator<String> names,
      NewWeights weights) {
    this.to = to;
    this.scope = scope;
    this.changes = changes;
    this.taken = taken;
    this.weights = weights;
    this.parts = new NewNodes(names);
  }

  private static Map.Entry<String, List<Rule>> rule(String op, long since, Step step, String what) {
    return entry(op, List.of(new Rule(since, step, what)));
  }

  private static Rule renamed(String op) {
    return new Rule(
        13, (_, node) -> List.of(node.toBuilder().setOpType(op).build()), "became " + op);
  }

  /** The next change of a node's form or meaning; null where there is none up to a version. */
  private static Rule next(NodeProto node, long from, long to) {
    return !Graph.isStandard(node)
        ? null
        : RULES.getOrDefault(node.getOpType(), List.of()).stream()
            .filter(rule -> from < rule.since() && rule.since() <= to)
            .findFirst()
            .orElse(null);
  }

  /** Whether a node's form or meaning may be another in a later version. */
  static boolean isNeeded(NodeProto node, long from, long to) {
    return isRemoved(node) || next(node, from, to) != null;
  }

  private static boolean isRemoved(NodeProto node) {
    return Graph.isStandard(node) && REMOVED.contains(node.getOpType());
  }

  /**
   * The nodes that take the place of one, in an order in which they can run; it alone where it does
   * the same as it is.
   *
   * @param from the version that it has
   * @throws OpsetException when there are none
   */
  List<NodeProto> nodes(NodeProto node, long from) throws OpsetException, IOException {
    if (isRemoved(node)) {
      throw new OpsetException(node, "is an experiment that the standard dropped");
    }
    Rule rule = next(node, from, to);
    if (rule == null) {
      return List.of(node);
    }
    List<NodeProto> nodes = new ArrayList<>();
    List<NodeProto> step = rule.step().nodes(this, node);
    if (!step.equals(List.of(node))) {
      changes.accept(OnnxModel.describe(node) + " " + rule.what());
    }
    for (NodeProto each : step) {
      nodes.addAll(nodes(each, rule.since()));
    }
    return nodes;
  }

  /** The constants that the new nodes take. */
  List<TensorProto> constants() {
    return parts.constants();
  }

  private List<NodeProto> clip(NodeProto node) throws OpsetException {
    boolean least = Attributes.find(node, "min").isPresent();
    boolean most = Attributes.find(node, "max").isPresent();
    if (!least && !most) {
      return List.of(node);
    }
    ElementType type = type(node);
    NodeProto.Builder mended = Attributes.without(node, "min", "max");
    mended.addInput(
        least ? parts.scalar(node, "min", type, Attributes.decimal(node, "min", 0)) : "");
    if (most) {
      mended.addInput(parts.scalar(node, "max", type, Attributes.decimal(node, "max", 0)));
    }
    return List.of(mended.build());
  }

  /** The type of what a node takes first, which is one of real numbers by the operator. */
  private ElementType type(NodeProto node) throws OpsetException {
    OnnxModel.Value value = scope.type(node.getInput(0));
    if (value == null || !Reals.isReal(value.type())) {
      throw new OpsetException(
          node,
          "takes '"
              + node.getInput(0)
              + "', whose type is not known, so that its attributes can't become inputs of it");
    }
    return value.type();
  }

  private List<NodeProto> pad(NodeProto node) throws OpsetException {
    NodeProto.Builder mended = Attributes.without(node, "pads", "value");
    mended.addInput(parts.vector(node, "pads", Attributes.integers(node, "pads")));
    float value = Attributes.decimal(node, "value", 0);
    boolean fills = Attributes.text(node, "mode", "constant").equals("constant");
    if (fills && Float.compare(value, 0) != 0) {
      mended.addInput(parts.scalar(node, "value", type(node), value));
    }
    return List.of(mended.build());
  }

  private List<NodeProto> dropout(NodeProto node) throws OpsetException {
    NodeProto.Builder mended = Attributes.without(node, "ratio");
    if (node.getOutputCount() > 1) {
      if (taken.contains(node.getOutput(1))) {
        throw new OpsetException(
            node,
            "has its mask '"
                + node.getOutput(1)
                + "' taken, of which the standard says nothing for inference before operator set"
                + " 12");
      }
      mended.clearOutput().addOutput(node.getOutput(0));
    }
    if (Attributes.find(node, "ratio").isPresent()) {
      float ratio = Attributes.decimal(node, "ratio", 0);
      mended.addInput(parts.scalar(node, "ratio", ElementType.FLOAT, ratio));
    }
    return List.of(mended.build());
  }

  private List<NodeProto> slice(NodeProto node) {
    NodeProto.Builder mended = Attributes.without(node, "starts", "ends", "axes");
    for (String name : List.of("starts", "ends", "axes")) {
      long[] values = Attributes.integers(node, name);
      if (values != null) {
        mended.addInput(parts.vector(node, name, values));
      }
    }
    return List.of(mended.build());
  }

  private List<NodeProto> split(NodeProto node) {
    return asInput(node, "split");
  }

  /** With whole numbers as an input; none at all mean the same as an absent attribute. */
  private List<NodeProto> asInput(NodeProto node, String name) {
    long[] values = Attributes.integers(node, name);
    if (values == null) {
      return List.of(node);
    }
    NodeProto.Builder mended = Attributes.without(node, name);
    if (values.length > 0) {
      mended.addInput(parts.vector(node, name, values));
    }
    return List.of(mended.build());
  }

  private List<NodeProto> topK(NodeProto node) {
    String k = parts.vector(node, "k", Attributes.integer(node, "k", 0));
    return List.of(Attributes.without(node, "k").addInput(k).build());
  }

  private List<NodeProto> upsample(NodeProto node) {
    return ResizeUpgrade.upsample(node, parts);
  }

  private List<NodeProto> resize(NodeProto node) throws IOException {
    return ResizeUpgrade.resize(node, scope, parts, weights);
  }

  private List<NodeProto> scan(NodeProto node) throws OpsetException {
    return List.of(ScanUpgrade.node(node, parts));
  }

  /** A vector of one scale was for the whole tensor; now it would be for an axis. */
  private List<NodeProto> quantization(NodeProto node) {
    NodeProto.Builder mended = node.toBuilder();
    for (int i = 1; i < node.getInputCount(); i++) {
      TensorProto tensor = scope.constant(node.getInput(i));
      if (tensor != null && tensor.getDimsList().equals(List.of(1L))) {
        TensorProto scalar = tensor.toBuilder().clearDims().clearName().build();
        mended.setInput(i, parts.constant(node, i == 1 ? "scale" : "zero_point", scalar));
      }
    }
    return List.of(mended.build());
  }

  private List<NodeProto> softmax(NodeProto node) {
    long axis = Attributes.integer(node, "axis", 1);
    Long one = axis == -1 ? Long.valueOf(axis) : oneAxis(scope.ranked(node.getInput(0)), axis);
    NodeProto.Builder mended = Attributes.without(node, "axis");
    mended.addAttribute(Attributes.of("axis", one == null ? -1 : one));
    return one == null ? flattened(node, mended, axis) : List.of(mended.build());
  }

  /** The axis that is the same as all from {@code axis} on; null where none is known to be. */
  private static Long oneAxis(OnnxModel.Value input, long axis) {
    if (input == null || !input.isRanked()) {
      return null;
    }
    int rank = input.dims().size();
    long first = axis < 0 ? axis + rank : axis;
    if (first < 0 || first >= rank) {
      return null;
    }
    long found = first;
    int longer = 0;
    for (int i = (int) first; i < rank; i++) {
      if (input.dims().get(i).extent() != 1) {
        found = i;
        longer++;
      }
    }
    return longer <= 1 ? found : null;
  }

  /** A node between a Flatten of what it takes first and a Reshape of what it gives first. */
  private List<NodeProto> flattened(NodeProto node, NodeProto.Builder mended, long axis) {
    List<String> input = List.of(node.getInput(0));
    NodeProto shape = parts.node(node, "Shape", input, "shape");
    NodeProto flat = parts.node(node, "Flatten", input, "flat", Attributes.of("axis", axis));
    String result = parts.name(node, "flat_result");
    mended.setInput(0, flat.getOutput(0)).setOutput(0, result);
    NodeProto shaped =
        parts.node(node, "Reshape", List.of(result, shape.getOutput(0)), "shaped").toBuilder()
            .setOutput(0, node.getOutput(0))
            .build();
    return List.of(shape, flat, mended.build(), shaped);
  }

  private List<NodeProto> norm(NodeProto node) {
    NodeProto.Builder mended = Attributes.without(node, "spatial");
    if (Attributes.integer(node, "spatial", 1) != 0) {
      return List.of(mended.build());
    }
    List<NodeProto> nodes = new ArrayList<>();
    for (int i = 1; i < node.getInputCount(); i++) {
      List<String> inputs = List.of(node.getInput(i), parts.vector(node, "flat_shape", -1));
      nodes.add(parts.node(node, "Reshape", inputs, "parameter"));
      mended.setInput(i, nodes.getLast().getOutput(0));
    }
    // It has no statistics as further outputs: ONNX Runtime gives none by element.
    nodes.addAll(flattened(node, mended, 1));
    return nodes;
  }

  private List<NodeProto> statistics(NodeProto node) throws OpsetException {
    return List.of(LaterUpgrade.norm(node, taken));
  }

  private List<NodeProto> fourier(NodeProto node) {
    return List.of(LaterUpgrade.fourier(node, parts));
  }

  private List<NodeProto> groups(NodeProto node) throws OpsetException {
    return LaterUpgrade.groups(node, scope, parts);
  }
}
