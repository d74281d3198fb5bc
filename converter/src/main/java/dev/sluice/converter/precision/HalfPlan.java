package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which nodes of a graph compute in 16 bits, and why the others do not.
 *
 * <p>First each node is asked whether anything speaks for FLOAT: the caller, its operator ({@link
 * HalfRules}), what it is part of ({@link SquareNodes}, {@link PositionNodes}), its constants,
 * values that follow from constants past the type's range, and the standard's type constraints.
 * Nodes that only pass values on then follow their neighbours: each takes the type that needs fewer
 * Casts, over and over until nothing changes. What takes a value that is dequantized by a scale
 * which the type can't hold stays FLOAT with it: TensorRT fuses a DequantizeLinear into the layer
 * behind it, but not over a Cast.
 *
 * <p>Thread safety: used by one thread.
 */
final class HalfPlan {
  /** A chain of nodes that pass values on settles from its ends; longer ones stay as they are. */
  private static final int MAX_ROUNDS = 16;

  /** Operators beside those that pass values on whose results are as large as what they take. */
  private static final Set<String> CARRYING = Set.of("Add", "Sub", "Mul", "Div", "Sum", "Mean");

  private final Graph graph;
  private final HalfFormat format;
  private final boolean lowIo;
  private final HalfConstants constants;
  private final HalfForms forms;
  private final HalfForm[] halves;
  private final String[] reasons;
  private final boolean[] half;
  private final Set<String> wide = new HashSet<>();

  /** Values that are dequantized by scales which the type can't hold. */
  private final Set<String> unscaled = new HashSet<>();

  private HalfPlan(
      Graph graph, HalfFormat format, boolean lowIo, HalfConstants constants, HalfForms forms) {
    this.graph = graph;
    this.format = format;
    this.lowIo = lowIo;
    this.constants = constants;
    this.forms = forms;
    int nodes = graph.nodes().size();
    this.halves = new HalfForm[nodes];
    this.reasons = new String[nodes];
    this.half = new boolean[nodes];
  }

  /**
   * A plan.
   *
   * @param kept first outputs of nodes that are to stay FLOAT
   * @param lowIo whether inputs and outputs of the graph get the type
   */
  static HalfPlan of(
      Graph graph,
      HalfFormat format,
      Set<String> kept,
      boolean lowIo,
      HalfConstants constants,
      HalfForms forms)
      throws IOException {
    HalfPlan plan = new HalfPlan(graph, format, lowIo, constants, forms);
    plan.judge(kept);
    plan.follow();
    return plan;
  }

  /** Whether a node takes or gives FLOAT, and is no constant. */
  boolean hasFloat(int index) {
    NodeProto node = graph.nodes().get(index);
    return !isConstant(node)
        && (Graph.taken(node).stream().anyMatch(constants::isFloat)
            || node.getOutputList().stream().anyMatch(constants::isFloat));
  }

  private boolean isConstant(NodeProto node) {
    return node.getOutputCount() == 1 && graph.constant(node.getOutput(0)) != null;
  }

  /** The form that a node gets; null where it stays FLOAT. */
  HalfForm form(int index) {
    return half[index] ? halves[index] : null;
  }

  /** Why nodes with FLOAT values stay FLOAT, by their first outputs. */
  Map<String, String> reasons() {
    Map<String, String> all = new LinkedHashMap<>();
    for (int i = 0; i < half.length; i++) {
      if (!half[i] && hasFloat(i)) {
        String reason = reasons[i] == null ? "only passes on what is FLOAT around it" : reasons[i];
        firstOutput(graph.nodes().get(i), all, reason);
      }
    }
    return all;
  }

  private static void firstOutput(NodeProto node, Map<String, String> all, String reason) {
    node.getOutputList().stream()
        .filter(name -> !name.isEmpty())
        .findFirst()
        .ifPresent(name -> all.put(name, reason));
  }

  /** The type in which a FLOAT value is made. */
  ElementType home(String value) {
    int producer = graph.producer(value);
    if (producer < 0) {
      boolean given = graph.constant(value) == null && graph.inputs().contains(value);
      return given && lowIo ? format.type() : ElementType.FLOAT;
    }
    return half[producer] ? result(producer, value) : ElementType.FLOAT;
  }

  private ElementType result(int producer, String value) {
    int output = graph.nodes().get(producer).getOutputList().indexOf(value);
    return halves[producer].results().get(output);
  }

  /** The type in which a node takes an input of FLOAT; null where any will do, or none is taken. */
  ElementType wants(int index, int position) {
    NodeProto node = graph.nodes().get(index);
    if (!constants.isFloat(node.getInput(position)) || HalfRules.isIndifferent(node, position)) {
      return null;
    }
    if (!half[index]) {
      return ElementType.FLOAT;
    }
    HalfForm form = halves[index];
    return form.constants().containsKey(position)
        ? null
        : form.inputs().contains(position) ? format.type() : ElementType.FLOAT;
  }

  private void judge(Set<String> kept) throws IOException {
    Map<Integer, String> squares = SquareNodes.find(graph, constants);
    Map<Integer, String> positions = PositionNodes.find(graph, constants);
    for (int i = 0; i < reasons.length; i++) {
      if (!hasFloat(i)) {
        continue;
      }
      NodeProto node = graph.nodes().get(i);
      String reason = foreign(node);
      if (reason == null && node.getOutputList().stream().limit(1).anyMatch(kept::contains)) {
        reason = "was asked for";
      }
      reason = reason == null ? squares.get(i) : reason;
      reason = reason == null ? forms.rules().reason(node) : reason;
      reason = reason == null ? positions.get(i) : reason;
      reason = reason == null ? outOfRange(node) : reason;
      if (reason == null) {
        HalfForms.Answer answer = forms.of(node);
        halves[i] = answer.form();
        reason = answer.reason();
      }
      reasons[i] = reason;
      half[i] = reason == null;
      carry(node);
    }
  }

  /** Why nothing can be told of a node's types; null where it can. */
  private String foreign(NodeProto node) {
    if (!Graph.isStandard(node)) {
      return "is of the domain '" + node.getDomain() + "', whose types the standard does not tell";
    }
    if (Graph.hasSubgraphs(node)) {
      return "holds a graph, whose values stay as they are";
    }
    List<String> values = new ArrayList<>(node.getInputList());
    values.addAll(node.getOutputList());
    for (String value : values) {
      if (!value.isEmpty() && graph.type(value) == null) {
        return "takes or gives '" + value + "', which is no tensor of a known type";
      }
    }
    return null;
  }

  /** What a node takes that the type can't hold; null where it takes nothing of the kind. */
  private String outOfRange(NodeProto node) {
    for (int i = 0; i < node.getInputCount(); i++) {
      String value = node.getInput(i);
      if (!constants.isFloat(value) || forms.isReplaced(node, i)) {
        continue;
      }
      if (wide.contains(value)) {
        return "takes '" + value + "', which follows from a constant past " + format + "'s range";
      }
      if (unscaled.contains(value) && !HalfRules.isPassing(node)) {
        return "takes '" + value + "', whose scale is none of " + format;
      }
      String problem = graph.constant(value) == null ? null : problem(node, i);
      if (problem != null && !isBound(node, i)) {
        if (isDequantizer(node)) {
          unscaled.addAll(node.getOutputList());
        }
        return "takes " + problem;
      }
    }
    return null;
  }

  private String problem(NodeProto node, int position) {
    String value = node.getInput(position);
    if (position == 1 && isDequantizer(node)) {
      return constants.stepProblem(value);
    }
    return position == 1 && node.getOpType().equals("QuantizeLinear")
        ? constants.scaleProblem(value)
        : constants.problem(value);
  }

  private static boolean isDequantizer(NodeProto node) {
    return node.getOpType().equals("DequantizeLinear");
  }

  /** Bounds may be drawn in to the type's own: nothing of the type is past them. */
  private static boolean isBound(NodeProto node, int position) {
    return node.getOpType().equals("Clip") && position > 0;
  }

  /** Marks results that are as far out of the range as what the node takes. */
  private void carry(NodeProto node) {
    String operator = node.getOpType();
    boolean carries =
        HalfRules.isPassing(node) ? !operator.equals("Clip") : CARRYING.contains(operator);
    if (!carries || !Graph.isStandard(node)) {
      return;
    }
    int inputs = operator.equals("Div") ? 1 : node.getInputCount();
    for (String value : node.getInputList().subList(0, inputs)) {
      boolean constant = constants.isFloat(value) && graph.constant(value) != null;
      boolean far =
          constant
              ? isDequantizer(node) ? constants.stepsOverflow(value) : constants.overflows(value)
              : wide.contains(value);
      if (far) {
        wide.addAll(node.getOutputList());
      }
    }
  }

  private void follow() {
    for (int i = 0; i < half.length; i++) {
      half[i] &= !isFree(i) || startsHalf(i);
    }
    boolean changed = true;
    for (int round = 0; changed && round < MAX_ROUNDS; round++) {
      changed = false;
      for (int k = 0; k < half.length; k++) {
        int i = round % 2 == 0 ? half.length - 1 - k : k;
        changed |= isFree(i) && choose(i);
      }
    }
  }

  private boolean isFree(int index) {
    return halves[index] != null
        && reasons[index] == null
        && HalfRules.isPassing(graph.nodes().get(index));
  }

  /** Whether what comes in is of the type, or nothing does. */
  private boolean startsHalf(int index) {
    List<String> values = values(index);
    return values.isEmpty() || values.stream().anyMatch(v -> home(v) == format.type());
  }

  /** The FLOAT values, constants left out, that a node takes in a type of its own. */
  private List<String> values(int index) {
    NodeProto node = graph.nodes().get(index);
    Set<String> values = new LinkedHashSet<>();
    for (int i = 0; i < node.getInputCount(); i++) {
      String value = node.getInput(i);
      if (constants.isFloat(value)
          && graph.constant(value) == null
          && !HalfRules.isIndifferent(node, i)) {
        values.add(value);
      }
    }
    return List.copyOf(values);
  }

  /** Gives a node the type of fewer Casts; whether that is another one than before. */
  private boolean choose(int index) {
    boolean before = half[index];
    half[index] = true;
    int asHalf = casts(index);
    half[index] = false;
    int asFloat = casts(index);
    half[index] = asHalf < asFloat || (asHalf == asFloat && !followsFloat(index));
    return half[index] != before;
  }

  /** Whether a node stands behind nodes that compute in FLOAT, with which it may be fused. */
  private boolean followsFloat(int index) {
    List<String> values = values(index);
    return !values.isEmpty()
        && values.stream()
            .mapToInt(graph::producer)
            .allMatch(producer -> producer >= 0 && !half[producer] && !isFree(producer));
  }

  private int casts(int index) {
    NodeProto node = graph.nodes().get(index);
    Map<String, Set<ElementType>> wanted = new HashMap<>();
    for (int i = 0; i < node.getInputCount(); i++) {
      ElementType type = wants(index, i);
      String value = node.getInput(i);
      if (type != null && graph.constant(value) == null && type != home(value)) {
        wanted.computeIfAbsent(value, _ -> new HashSet<>()).add(type);
      }
    }
    int casts = wanted.size();
    for (String output : node.getOutputList()) {
      casts += constants.isFloat(output) && isTakenOtherwise(output) ? 1 : 0;
    }
    return casts;
  }

  private boolean isTakenOtherwise(String value) {
    ElementType home = home(value);
    if (graph.outputs().contains(value) && home != (lowIo ? format.type() : ElementType.FLOAT)) {
      return true;
    }
    for (int taker : graph.consumers(value)) {
      NodeProto node = graph.nodes().get(taker);
      boolean inside = home != ElementType.FLOAT && Graph.hasSubgraphs(node);
      for (int i = 0; i < node.getInputCount(); i++) {
        ElementType type = node.getInput(i).equals(value) ? wants(taker, i) : null;
        inside |= type != null && type != home;
      }
      if (inside) {
        return true;
      }
    }
    return false;
  }
}
