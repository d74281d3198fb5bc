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
import java.util.function.UnaryOperator;

/**
 * Makes of a node of operator set 7 to 12 those that do the same in operator set 13.
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
 * <p>What changed for all other operators are the types that they take, of which none was lost that
 * ONNX Runtime computes with.
 *
 * <p>Thread safety: used by one thread.
 */
final class NodeUpgrade {
  /**
   * What is done with an operator.
   *
   * @param since the version from which on a node has the form and the meaning of 13 already
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

  private static final Map<String, Rule> RULES =
      Map.ofEntries(
          entry("BatchNormalization", new Rule(9, NodeUpgrade::norm, "lost its form by element")),
          entry("Clip", new Rule(11, NodeUpgrade::clip, "takes its bounds as inputs")),
          entry("DequantizeLinear", QUANTIZATION),
          entry("DynamicSlice", renamed("Slice")),
          entry("Dropout", new Rule(12, NodeUpgrade::dropout, "takes its ratio as an input")),
          entry("Hardmax", FLATTENED),
          entry("LogSoftmax", FLATTENED),
          entry("Pad", new Rule(11, NodeUpgrade::pad, "takes its pads as an input")),
          entry("QuantizeLinear", QUANTIZATION),
          entry("ReduceSum", AXES),
          entry("Resize", new Rule(13, NodeUpgrade::resize, "says how it takes elements")),
          entry("Scan", new Rule(9, NodeUpgrade::scan, "goes over its batch and its axis apart")),
          entry("Scatter", renamed("ScatterElements")),
          entry("Slice", new Rule(10, NodeUpgrade::slice, "takes its bounds as inputs")),
          entry("Softmax", FLATTENED),
          entry("Split", new Rule(13, NodeUpgrade::split, "takes its extents as an input")),
          entry("Squeeze", AXES),
          entry("TopK", new Rule(10, NodeUpgrade::topK, "takes its k as an input")),
          entry("Unsqueeze", AXES),
          entry("Upsample", new Rule(10, NodeUpgrade::upsample, "became Resize")));

  private final Scope scope;
  private final Set<String> taken;
  private final NewWeights weights;
  private final NewNodes parts;

  /**
   * Changes nodes of one graph or subgraph.
   *
   * @param scope what is known of the values that they take
   * @param taken values that some node takes or that a graph gives
   * @param names makes a name that no value has of one that is wished for
   * @param weights finds the bytes of constants
   */
  NodeUpgrade(Scope scope, Set<String> taken, UnaryOperator<String> names, NewWeights weights) {
    this.scope = scope;
    this.taken = taken;
    this.weights = weights;
    this.parts = new NewNodes(names);
  }

  private static Rule renamed(String op) {
    return new Rule(
        13, (_, node) -> List.of(node.toBuilder().setOpType(op).build()), "became " + op);
  }

  /** Whether a node's form or meaning may be another in version 13. */
  static boolean isNeeded(NodeProto node, long opset) {
    Rule rule = RULES.get(node.getOpType());
    return Graph.isStandard(node)
        && (rule == null ? REMOVED.contains(node.getOpType()) : opset < rule.since());
  }

  /** What was done with a node whose place others have taken, in words. */
  static String change(NodeProto node) {
    return OnnxModel.describe(node) + " " + RULES.get(node.getOpType()).what();
  }

  /**
   * The nodes that take the place of one that needs it, in an order in which they can run; it alone
   * where it does the same as it is.
   *
   * @throws OpsetException when there are none
   */
  List<NodeProto> nodes(NodeProto node) throws OpsetException, IOException {
    if (REMOVED.contains(node.getOpType())) {
      throw new OpsetException(node, "is an experiment that the standard dropped");
    }
    return RULES.get(node.getOpType()).step().nodes(this, node);
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
}
