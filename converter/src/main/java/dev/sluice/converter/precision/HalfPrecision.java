package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.GraphEdit;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Makes a graph of FLOAT compute in FLOAT16 or BFLOAT16 where that is good enough, by the types of
 * its values alone, as a strongly typed network of TensorRT needs it: constants are converted, and
 * where a value goes from 16 bits to FLOAT or back there is a Cast, one for all that take it; what
 * is dequantized is so in both types instead, see {@link DequantizedTwice}. Whole numbers, shapes
 * and values of other real types stay as they are.
 *
 * <p>A constant is rounded to nearest, a tie to even. Nothing of it becomes infinite: a node that
 * takes one that is past the type's range stays FLOAT, and the reason names the constant. The same
 * holds of one all of which would be zero, such as the epsilon of a division.
 *
 * <p>A value keeps its name in the type in which it is made; what a Cast makes of it is called
 * after it and the type. Only what the graph gives has its name in the type that is given, so the
 * node that makes it may give another name then.
 *
 * <p>Which nodes stay FLOAT is told by {@link Result#keptReasons}. Beside what the caller names
 * they are those that sum up many numbers, the statistics of normalizations, positions and angles,
 * coordinates, random numbers, recurrent layers, nodes with graphs inside, operators that are not
 * the standard's, and those that have no form of the type in the model's operator set: BFLOAT16 has
 * a Conv from operator set 22 on.
 *
 * <p>Thread safety: immutable.
 */
public final class HalfPrecision {
  /**
   * How much larger than what was seen a value may become: samples seldom hold the largest, and one
   * infinity spoils all that follows.
   */
  private static final double HEADROOM = 4;

  /** A value whose largest has fewer bits left than these, among the subnormals, is lost. */
  private static final int LEAST_BITS = 4;

  /** Cast is there for the types from these operator sets on. */
  private static final Map<ElementType, Integer> OPSETS =
      Map.of(ElementType.FLOAT16, 6, ElementType.BFLOAT16, 13);

  private final HalfFormat format;
  private final Set<String> kept;
  private final boolean lowIo;

  /**
   * A conversion.
   *
   * @param type FLOAT16 or BFLOAT16
   * @param kept nodes that stay FLOAT, by their first outputs
   * @param lowIo whether inputs and outputs of the graph that are FLOAT get the type; else they
   *     stay, with one Cast at each
   * @throws IllegalArgumentException for another type
   */
  public HalfPrecision(ElementType type, Set<String> kept, boolean lowIo) {
    this.format = HalfFormat.of(type);
    this.kept = Set.copyOf(kept);
    this.lowIo = lowIo;
  }

  /**
   * What came of it.
   *
   * @param graph the new graph
   * @param keptReasons why nodes that take or give FLOAT still do, by their first outputs in the
   *     old graph, in its order; each reason goes on from the node, as in "takes coordinates"
   */
  public record Result(Graph graph, Map<String, String> keptReasons) {
    /** Copies the map. */
    public Result {
      keptReasons = Collections.unmodifiableMap(new LinkedHashMap<>(keptReasons));
    }
  }

  /**
   * Converts a graph.
   *
   * @param weights finds the bytes of constants, and keeps new ones
   * @throws UnsupportedOperationException when the graph's operator set has no Cast to the type
   * @throws dev.sluice.converter.onnx.ModelException when a constant can't be read
   */
  public Result apply(Graph graph, NewWeights weights) throws IOException {
    int least = OPSETS.get(format.type());
    if (graph.opset() < least) {
      throw new UnsupportedOperationException(
          String.format(
              Locale.ROOT,
              "%s needs the operator set %d, and the model has %d; export it with a later one",
              format,
              least,
              graph.opset()));
    }
    GraphEdit edit = graph.edit();
    HalfConstants constants = new HalfConstants(graph, weights, format);
    HalfForms forms = new HalfForms(graph, edit, weights, format, constants);
    try {
      HalfPlan plan = HalfPlan.of(graph, format, kept, lowIo, constants, forms);
      Graph typed = new Conversion(graph, edit, weights, constants, plan).graph();
      return new Result(DequantizedTwice.of(typed, weights, format), plan.reasons());
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /** One run: a plan carried out. */
  private final class Conversion {
    private final Graph graph;
    private final GraphEdit edit;
    private final HalfConstants constants;
    private final HalfPlan plan;
    private final Retyping retyping;

    Conversion(
        Graph graph, GraphEdit edit, NewWeights weights, HalfConstants constants, HalfPlan plan) {
      this.graph = graph;
      this.edit = edit;
      this.constants = constants;
      this.plan = plan;
      this.retyping = new Retyping(graph, edit, weights);
    }

    Graph graph() throws IOException {
      graph.inputs().forEach(this::home);
      Set<String> replaced = new HashSet<>();
      for (int i = 0; i < graph.nodes().size(); i++) {
        if (plan.hasFloat(i)) {
          graph.nodes().get(i).getOutputList().forEach(this::home);
          need(i, replaced);
        }
      }
      ElementType given = lowIo ? format.type() : ElementType.FLOAT;
      graph.outputs().stream().filter(constants::isFloat).forEach(o -> retyping.output(o, given));
      replaced.forEach(retyping::drop);
      retyping.settle();
      for (int i = 0; i < graph.nodes().size(); i++) {
        NodeProto node = graph.nodes().get(i);
        retyping.put(i, List.of(plan.hasFloat(i) ? converted(i) : node));
        if (plan.form(i) != null) {
          plan.form(i).constants().values().forEach(edit::addInitializer);
        }
      }
      if (lowIo) {
        edit.mapInputs(this::low);
        edit.mapOutputs(this::low);
      }
      return edit.build();
    }

    private void home(String value) {
      if (constants.isFloat(value)) {
        retyping.home(value, plan.home(value));
      }
    }

    private void need(int index, Set<String> replaced) {
      NodeProto node = graph.nodes().get(index);
      HalfForm form = plan.form(index);
      for (int i = 0; i < node.getInputCount(); i++) {
        if (form != null && form.constants().containsKey(i)) {
          replaced.add(node.getInput(i));
        } else if (constants.isFloat(node.getInput(i))) {
          retyping.need(node.getInput(i), taken(index, i));
        }
      }
      if (Graph.hasSubgraphs(node)) {
        Graph.taken(node).stream()
            .filter(constants::isFloat)
            .forEach(value -> retyping.need(value, ElementType.FLOAT));
      }
    }

    /** The type in which a node takes an input that was FLOAT. */
    private ElementType taken(int index, int position) {
      ElementType wanted = plan.wants(index, position);
      return wanted == null ? retyping.home(graph.nodes().get(index).getInput(position)) : wanted;
    }

    private NodeProto converted(int index) {
      NodeProto old = graph.nodes().get(index);
      if (Graph.hasSubgraphs(old)) {
        Map<String, String> names = new HashMap<>();
        Graph.taken(old).stream()
            .filter(constants::isFloat)
            .forEach(value -> names.put(value, retyping.name(value, ElementType.FLOAT)));
        return outputs(Retyping.renamed(old, names).toBuilder(), old);
      }
      HalfForm form = plan.form(index);
      NodeProto.Builder node = (form == null ? old : form.node()).toBuilder();
      for (int i = 0; i < old.getInputCount(); i++) {
        if (form != null && form.constants().containsKey(i)) {
          node.setInput(i, form.constants().get(i).getName());
        } else if (constants.isFloat(old.getInput(i))) {
          node.setInput(i, retyping.name(old.getInput(i), taken(index, i)));
        }
      }
      if (isCastToItself(index)) {
        node.setOpType("Identity").clearAttribute();
      }
      return outputs(node, old);
    }

    /** Whether a Cast gives the type that it takes now. */
    private boolean isCastToItself(int index) {
      NodeProto node = graph.nodes().get(index);
      if (!Graph.isStandard(node) || !node.getOpType().equals("Cast")) {
        return false;
      }
      OnnxModel.Value from = graph.type(node.getInput(0));
      OnnxModel.Value to = graph.type(node.getOutput(0));
      return from != null && to != null && retyping.home(from.name()) == retyping.home(to.name());
    }

    private NodeProto outputs(NodeProto.Builder node, NodeProto old) {
      for (int i = 0; i < old.getOutputCount(); i++) {
        String value = old.getOutput(i);
        if (constants.isFloat(value)) {
          node.setOutput(i, retyping.name(value, retyping.home(value)));
        }
      }
      return node.build();
    }

    private ValueInfoProto low(ValueInfoProto value) {
      boolean given = constants.isFloat(value.getName()) && !isInitializer(value.getName());
      if (!given) {
        return value;
      }
      ValueInfoProto.Builder low = value.toBuilder();
      low.getTypeBuilder().getTensorTypeBuilder().setElemType(format.type().code());
      return low.build();
    }

    /** Old files list constants as inputs, too. */
    private boolean isInitializer(String name) {
      return graph.initializers().containsKey(name) && !graph.outputs().contains(name);
    }
  }

  /**
   * Nodes that are not to be in the type by the values that were seen: of what they take or give,
   * something would become infinite if it grew to {@value #HEADROOM} times what was seen, or is so
   * small that fewer than {@value #LEAST_BITS} bits are left.
   *
   * @param ranges the least and the largest number that was seen, by value, in FLOAT
   * @return the reason by the node's first output: what the constructor takes as kept
   */
  public Map<String, String> overflowing(Graph graph, Map<String, double[]> ranges) {
    Map<String, String> found = new LinkedHashMap<>();
    for (NodeProto node : graph.nodes()) {
      Set<String> values = new LinkedHashSet<>(node.getInputList());
      values.addAll(node.getOutputList());
      for (String value : values) {
        String problem = problem(graph, value, ranges.get(value));
        if (problem != null && !node.getOutput(0).isEmpty()) {
          found.putIfAbsent(node.getOutput(0), problem);
        }
      }
    }
    return found;
  }

  /** Why the type can't hold a value that was seen in a range; null where it can. */
  String problem(Graph graph, String value, double[] range) {
    OnnxModel.Value type = graph.type(value);
    if (range == null || type == null || type.type() != ElementType.FLOAT) {
      return null;
    }
    double most = Math.max(Math.abs(range[0]), Math.abs(range[1]));
    if (most * HEADROOM > format.max()) {
      return String.format(
          Locale.ROOT,
          "has '%s', which was seen up to %g; %s ends at %g, and %g times as much must fit",
          value,
          most,
          format,
          format.max(),
          HEADROOM);
    }
    if (most != 0 && most < Math.scalb(format.min(), LEAST_BITS)) {
      return String.format(
          Locale.ROOT,
          "has '%s', which was seen up to %g only, less than %d bits of %s",
          value,
          most,
          LEAST_BITS,
          format);
    }
    return null;
  }
}
