package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Picks the nodes of a graph that compute in 16 bits: all that can, where the whole is within a bar
 * on samples that were held out, as {@link HalfEmulation} has them; else nodes are given back to
 * FP32 until it is.
 *
 * <p>Where measuring each node on its own would take too long, neighbours in the order of the graph
 * are judged together: what lies between two of them needs no Cast either way.
 *
 * <p>Thread safety: used by one thread.
 */
final class HalfChoice {
  /** Why a node stays in FP32 that a caller keeps as it is. */
  static final String EXCLUDED = "is excluded by --exclude";

  private final SourceModel source;
  private final ElementType type;
  private final PrecisionOptions options;
  private final Progress progress;

  /**
   * A choice.
   *
   * @param source whose constants the graphs have
   * @param type FLOAT16 or BFLOAT16
   * @param options the bar, and whether inputs and outputs get the type, too
   */
  HalfChoice(SourceModel source, ElementType type, PrecisionOptions options, Progress progress) {
    this.source = source;
    this.type = type;
    this.options = options;
    this.progress = progress;
  }

  /**
   * What was picked.
   *
   * @param graph typed
   * @param loss of it
   * @param reasons why nodes stay in FP32, by their first outputs
   */
  record Chosen(Graph graph, Loss loss, Map<String, String> reasons) {}

  /**
   * Picks.
   *
   * @param graph in FP32, but for what is quantized
   * @param kept why nodes have to stay in FP32, by their first outputs
   * @param cpu what the CPU's graph loses, which is no matter of this
   * @param maxGroups how many groups of nodes are measured at most
   * @throws BarNotMetException where no choice is within the bar
   */
  Chosen choose(
      Graph graph,
      Map<String, String> kept,
      SplitSamples split,
      Holdout holdout,
      Loss cpu,
      int maxGroups)
      throws IOException, BarNotMetException {
    HalfPrecision.Result all = half(graph, kept.keySet());
    Loss loss = loss(split, holdout, all.graph());
    Map<String, String> given = Map.of();
    if (!options.maxLoss().holds(loss)) {
      Map<String, List<String>> groups = groups(graph, all.keptReasons().keySet(), maxGroups);
      Measure measure =
          some -> {
            Set<String> others = new LinkedHashSet<>(kept.keySet());
            groups.forEach((name, nodes) -> others.addAll(some.contains(name) ? Set.of() : nodes));
            return loss(split, holdout, half(graph, others).graph());
          };
      Budget.Choice choice = budget(groups, measure, cpu).run(progress);
      given = givenBack(groups, choice.reasons());
      Set<String> more = new LinkedHashSet<>(kept.keySet());
      more.addAll(given.keySet());
      all = half(graph, more);
      loss = choice.losses().tensorRt();
    }
    Map<String, String> reasons = new LinkedHashMap<>();
    for (Map.Entry<String, String> entry : all.keptReasons().entrySet()) {
      String key = entry.getKey();
      reasons.put(key, given.getOrDefault(key, kept.getOrDefault(key, entry.getValue())));
    }
    return new Chosen(all.graph(), loss, reasons);
  }

  /** What is lost with these groups in 16 bits, and all else in FP32. */
  @FunctionalInterface
  private interface Measure {
    Loss of(Set<String> groups) throws IOException;
  }

  private Budget budget(Map<String, List<String>> groups, Measure measure, Loss cpu)
      throws IOException {
    Map<String, Loss> losses = new LinkedHashMap<>();
    for (String group : groups.keySet()) {
      progress.at("measuring nodes", losses.size(), groups.size());
      losses.put(group, measure.of(Set.of(group)));
    }
    return new Budget(losses, options.maxLoss(), some -> new Budget.Losses(cpu, measure.of(some)));
  }

  /**
   * The nodes that 16 bits are for, by the first of each group; those that only pass values on
   * follow them.
   */
  private static Map<String, List<String>> groups(Graph graph, Set<String> kept, int maxGroups) {
    List<String> halves = new ArrayList<>();
    for (NodeProto node : graph.nodes()) {
      if (node.getOutputList().stream().anyMatch(name -> isReal(graph, name))
          && !HalfRules.isPassing(node)
          && !kept.contains(key(node))) {
        halves.add(key(node));
      }
    }
    int size = Math.ceilDiv(halves.size(), Math.min(maxGroups, Math.max(1, halves.size())));
    Map<String, List<String>> groups = new LinkedHashMap<>();
    for (int i = 0; i < halves.size(); i += size) {
      groups.put(halves.get(i), halves.subList(i, Math.min(halves.size(), i + size)));
    }
    return groups;
  }

  private static Map<String, String> givenBack(
      Map<String, List<String>> groups, Map<String, String> reasons) {
    Map<String, String> given = new LinkedHashMap<>();
    reasons.forEach((group, reason) -> {
      List<String> nodes = groups.get(group);
      String with =
          nodes.size() == 1 ? "" : ", judged with its neighbours, " + nodes.size() + " in all";
      nodes.forEach(node -> given.put(node, reason + with));
    });
    return given;
  }

  private HalfPrecision.Result half(Graph graph, Set<String> kept) throws IOException {
    return new HalfPrecision(type, kept, options.lowIo()).apply(graph, source.newWeights());
  }

  private Loss loss(SplitSamples split, Holdout holdout, Graph typed) throws IOException {
    return split.loss(holdout, HalfEmulation.of(asGiven(typed), source.newWeights()));
  }

  /** A graph that takes and gives FLOAT, as the samples and the model's answers are. */
  Graph asGiven(Graph typed) throws IOException {
    return options.lowIo()
        ? EdgeTypes.of(typed, type, ElementType.FLOAT, source.newWeights())
        : typed;
  }

  /** What a caller keeps as it is. */
  static Map<String, String> excluded(Graph graph, PrecisionOptions options) {
    Map<String, String> kept = new LinkedHashMap<>();
    for (NodeProto node : graph.nodes()) {
      if (options.excludes(node)) {
        kept.put(key(node), EXCLUDED);
      }
    }
    return kept;
  }

  /** The values of a graph of type FLOAT that are no constants. */
  static Set<String> values(Graph graph) {
    Set<String> values = new LinkedHashSet<>();
    graph.inputs().stream().filter(input -> isReal(graph, input)).forEach(values::add);
    for (NodeProto node : graph.nodes()) {
      node.getOutputList().stream().filter(name -> isReal(graph, name)).forEach(values::add);
    }
    return values;
  }

  /** The least and the largest number of what was observed. */
  static Map<String, double[]> ranges(Map<String, Histogram> histograms) {
    Map<String, double[]> ranges = new LinkedHashMap<>();
    histograms.forEach((name, one) -> {
      if (one.count() > 0) {
        ranges.put(name, new double[] {one.min(), one.max()});
      }
    });
    return ranges;
  }

  private static boolean isReal(Graph graph, String name) {
    OnnxModel.Value value = graph.type(name);
    return value != null && value.type() == ElementType.FLOAT;
  }

  /** What tells a node from others. */
  static String key(NodeProto node) {
    return node.getOutputCount() == 0 ? "" : node.getOutput(0);
  }
}
