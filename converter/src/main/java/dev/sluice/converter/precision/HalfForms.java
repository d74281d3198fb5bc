package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.BatchNormAffine;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.GraphEdit;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.OperatorTypes;
import dev.sluice.converter.graph.Reals;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The forms of nodes in 16 bits, as far as the standard has them. Most take all of their FLOAT
 * inputs in the type; of some, inputs are no data and stay FLOAT.
 *
 * <p>Thread safety: used by one thread.
 */
final class HalfForms {
  /** Operators of which inputs stay FLOAT: positions of those that do not. */
  private static final Map<String, Set<Integer>> DATA =
      Map.of(
          "Resize", Set.of(0),
          "Upsample", Set.of(0),
          "Dropout", Set.of(0),
          "OneHot", Set.of(2));

  private final Graph graph;
  private final GraphEdit edit;
  private final NewWeights weights;
  private final HalfFormat format;
  private final HalfConstants constants;
  private final HalfRules rules;
  private final OperatorTypes types;

  HalfForms(
      Graph graph, GraphEdit edit, NewWeights weights, HalfFormat format, HalfConstants constants) {
    this.graph = graph;
    this.edit = edit;
    this.weights = weights;
    this.format = format;
    this.constants = constants;
    this.rules = new HalfRules(graph, format);
    this.types = new OperatorTypes(graph);
  }

  HalfRules rules() {
    return rules;
  }

  /**
   * A form, or why there is none.
   *
   * @param form null where there is none
   * @param reason null where there is one
   */
  record Answer(HalfForm form, String reason) {
    private static Answer no(String reason) {
      return new Answer(null, reason);
    }
  }

  /** Whether the form of a node has another constant at a position. */
  boolean isReplaced(NodeProto node, int position) {
    return node.getOpType().equals("BatchNormalization") && position > 0;
  }

  /** The form of a node of the standard, without subgraphs, that takes or gives FLOAT. */
  Answer of(NodeProto node) throws IOException {
    return switch (node.getOpType()) {
      case "Cast" -> cast(node);
      case "CastLike" -> {
        boolean toFloat = constants.isFloat(node.getOutput(0));
        yield asked(node, toFloat ? Set.of(1) : Set.of(), Map.of());
      }
      case "ConstantOfShape" -> filled(node);
      case "BatchNormalization" -> normalized(node);
      default -> {
        Set<Integer> low = DATA.getOrDefault(node.getOpType(), floats(node));
        yield asked(node, low, Map.of());
      }
    };
  }

  private Set<Integer> floats(NodeProto node) {
    Set<Integer> floats = new HashSet<>();
    for (int i = 0; i < node.getInputCount(); i++) {
      if (constants.isFloat(node.getInput(i))) {
        floats.add(i);
      }
    }
    return floats;
  }

  /** The form with given inputs in the type, if the standard allows it. */
  private Answer asked(NodeProto node, Set<Integer> low, Map<Integer, TensorProto> replaced) {
    List<ElementType> inputs = new ArrayList<>();
    for (int i = 0; i < node.getInputCount(); i++) {
      OnnxModel.Value type = graph.type(node.getInput(i));
      boolean half = low.contains(i) || replaced.containsKey(i);
      inputs.add(type == null ? null : half ? format.type() : type.type());
    }
    List<ElementType> results = types.results(node, inputs);
    if (results == null) {
      return Answer.no(
          String.format(
              Locale.ROOT,
              "has no form of %s in the standard's operator set %d",
              format,
              graph.opset()));
    }
    boolean nothing = low.isEmpty() && !results.contains(format.type());
    return nothing && !HalfRules.isIndifferent(node, 0)
        ? Answer.no("makes FLOAT out of no FLOAT")
        : new Answer(new HalfForm(node, low, replaced, results), null);
  }

  /** A Cast to FLOAT is one to the type then; another one takes what there is. */
  private Answer cast(NodeProto node) {
    boolean toFloat = constants.isFloat(node.getOutput(0));
    NodeProto.Builder low = node.toBuilder();
    for (AttributeProto.Builder attribute : low.getAttributeBuilderList()) {
      if (toFloat && attribute.getName().equals("to")) {
        attribute.setI(format.type().code());
      }
    }
    ElementType result = toFloat ? format.type() : graph.type(node.getOutput(0)).type();
    return new Answer(new HalfForm(low.build(), Set.of(), Map.of(), List.of(result)), null);
  }

  /** ConstantOfShape has its element in an attribute; without one it is FLOAT zeros. */
  private Answer filled(NodeProto node) throws IOException {
    TensorProto value =
        TensorProto.newBuilder()
            .setDataType(ElementType.FLOAT.code())
            .addDims(1)
            .addFloatData(0)
            .build();
    for (AttributeProto attribute : node.getAttributeList()) {
      value = attribute.getName().equals("value") ? attribute.getT() : value;
    }
    String problem = constants.problem("its own value", value);
    if (problem != null) {
      return Answer.no("takes " + problem);
    }
    NodeProto low =
        node.toBuilder()
            .clearAttribute()
            .addAttribute(
                AttributeProto.newBuilder()
                    .setName("value")
                    .setType(AttributeProto.AttributeType.TENSOR)
                    .setT(Retyping.converted(value, "", format.type(), weights)))
            .build();
    return asked(low, Set.of(), Map.of());
  }

  /**
   * A BatchNormalization whose parameters are a factor and a summand, with a mean of 0, a variance
   * of 1 and no epsilon: TensorRT computes the square root in the type of the parameters, in which
   * a small variance is none.
   */
  private Answer normalized(NodeProto node) throws IOException {
    BatchNormAffine affine = BatchNormAffine.of(graph, node, weights);
    if (affine == null) {
      return Answer.no("has statistics that are no constants");
    }
    double most =
        Math.max(
            Arrays.stream(affine.factor()).map(Math::abs).max().orElse(0),
            Arrays.stream(affine.summand()).map(Math::abs).max().orElse(0));
    if (format.overflows(most)) {
      return Answer.no(
          String.format(
              Locale.ROOT,
              "multiplies by or adds %g, by its constants from '%s' on, past %s's largest, %g",
              most,
              node.getInput(1),
              format,
              format.max()));
    }
    int channels = affine.factor().length;
    double[] ones = new double[channels];
    Arrays.fill(ones, 1);
    Map<Integer, TensorProto> replaced = new HashMap<>();
    replaced.put(1, vector(node.getInput(1), affine.factor()));
    replaced.put(2, vector(node.getInput(2), affine.summand()));
    replaced.put(3, vector(node.getInput(3), new double[channels]));
    replaced.put(4, vector(node.getInput(4), ones));
    List<AttributeProto> others =
        node.getAttributeList().stream().filter(a -> !a.getName().equals("epsilon")).toList();
    AttributeProto epsilon =
        AttributeProto.newBuilder()
            .setName("epsilon")
            .setType(AttributeProto.AttributeType.FLOAT)
            .setF(0)
            .build();
    NodeProto low =
        node.toBuilder().clearAttribute().addAllAttribute(others).addAttribute(epsilon).build();
    return asked(low, Set.of(0), replaced);
  }

  private TensorProto vector(String name, double[] values) throws IOException {
    ElementType type = format.type();
    String fresh = edit.freshName(name + "_" + Retyping.suffix(type));
    NewWeights.Room room = weights.room(fresh, type, Shape.of((long) values.length));
    for (int i = 0; i < values.length; i++) {
      Reals.set(type, room.bytes(), i, values[i]);
    }
    return room.tensor();
  }
}
