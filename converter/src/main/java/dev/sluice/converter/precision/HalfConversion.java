package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.calibrate.SampleCheck;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Brings a model in FP32 to FP16 or BF16 for TensorRT: observes its values on samples, keeps in
 * FP32 what would overflow or be lost, and what stays there by its kind, and gives nodes back until
 * the graph is within a bar on samples that were held out. The CPU's graph stays in FP32, which is
 * faster there: its kernels compute in FP32 anyway.
 *
 * <p>Thread safety: used by one thread.
 */
public final class HalfConversion {
  private final SourceModel source;
  private final ElementType type;
  private final PrecisionOptions options;
  private final CalibrationSource samples;
  private final Progress progress;

  /**
   * A conversion.
   *
   * @param source the model in FP32
   * @param type FLOAT16 or BFLOAT16
   * @param samples what it will see
   */
  public HalfConversion(
      SourceModel source,
      ElementType type,
      PrecisionOptions options,
      CalibrationSource samples,
      Progress progress) {
    this.source = source;
    this.type = type;
    this.options = options;
    this.samples = samples;
    this.progress = progress;
  }

  /**
   * Converts.
   *
   * @throws BarNotMetException where no choice of nodes is within the bar
   * @throws IOException where a sample can't be read or is unfit
   */
  public Conversion run() throws IOException, BarNotMetException {
    source.raiseOperatorSet();
    Graph graph = source.graph();
    SplitSamples split = new SplitSamples(source, samples);
    Map<String, String> kept = new LinkedHashMap<>();
    for (NodeProto node : graph.nodes()) {
      if (options.excludes(node)) {
        kept.put(key(node), "is excluded by --exclude");
      }
    }
    HalfPrecision first = new HalfPrecision(type, kept.keySet(), options.lowIo());
    Map<String, double[]> ranges = ranges(split);
    kept.putAll(first.overflowing(graph, ranges));
    checkEdges(first, ranges);
    Holdout holdout = split.holdout();
    HalfPrecision.Result all = half(kept.keySet());
    Set<String> halves = new LinkedHashSet<>();
    for (NodeProto node : graph.nodes()) {
      String key = key(node);
      if (isReal(graph, node) && !all.keptReasons().containsKey(key)) {
        halves.add(key);
      }
    }
    Graph cpu =
        options.lowIo() ? EdgeTypes.of(graph, ElementType.FLOAT, type, source.newWeights()) : graph;
    Loss exact = split.loss(holdout, asGiven(cpu));
    Loss loss = loss(split, holdout, all.graph());
    Map<String, String> given = Map.of();
    if (!options.maxLoss().holds(loss)) {
      Budget.Choice choice = budget(split, holdout, halves, kept.keySet(), exact).run(progress);
      given = choice.reasons();
      Set<String> more = new LinkedHashSet<>(kept.keySet());
      more.addAll(given.keySet());
      all = half(more);
      loss = choice.losses().tensorRt();
    }
    return new Conversion(
        type == ElementType.FLOAT16 ? "fp16" : "bf16",
        cpu,
        all.graph(),
        "FP32, whose kernels are the CPU's fastest",
        layers(all.keptReasons(), kept, given),
        null,
        split.learntCount(),
        holdout.count(),
        exact,
        loss,
        Map.of(),
        Map.of(),
        StrongTyping.problems(all.graph(), source.newWeights()),
        null);
  }

  private Budget budget(
      SplitSamples split, Holdout holdout, Set<String> halves, Set<String> kept, Loss exact)
      throws IOException {
    Map<String, Loss> losses = new LinkedHashMap<>();
    for (String key : halves) {
      progress.at("measuring nodes", losses.size(), halves.size());
      Set<String> others = new LinkedHashSet<>(halves);
      others.remove(key);
      others.addAll(kept);
      losses.put(key, loss(split, holdout, half(others).graph()));
    }
    return new Budget(
        losses,
        options.maxLoss(),
        keys -> {
          Set<String> others = new LinkedHashSet<>(halves);
          others.removeAll(keys);
          others.addAll(kept);
          return new Budget.Losses(exact, loss(split, holdout, half(others).graph()));
        });
  }

  private HalfPrecision.Result half(Set<String> kept) throws IOException {
    return new HalfPrecision(type, kept, options.lowIo())
        .apply(source.graph(), source.newWeights());
  }

  private Loss loss(SplitSamples split, Holdout holdout, Graph typed) throws IOException {
    return split.loss(holdout, HalfEmulation.of(asGiven(typed), source.newWeights()));
  }

  /** A graph that takes and gives FLOAT, as the samples and the model's answers are. */
  private Graph asGiven(Graph typed) throws IOException {
    return options.lowIo()
        ? EdgeTypes.of(typed, type, ElementType.FLOAT, source.newWeights())
        : typed;
  }

  /** Throws where inputs and outputs are to get the type, and it can't hold one of them. */
  private void checkEdges(HalfPrecision half, Map<String, double[]> ranges)
      throws SampleCheck.UnfitException {
    List<String> edges = new ArrayList<>(source.graph().inputs());
    edges.addAll(source.graph().outputs());
    for (String edge : edges) {
      String problem = half.problem(source.graph(), edge, ranges.get(edge));
      if (options.lowIo() && problem != null) {
        throw new SampleCheck.UnfitException(
            "the model "
                + problem
                + ", so it can't be an input or output of 16 bits: leave out --io-types low, or"
                + " give samples of what the model will see",
            null);
      }
    }
  }

  /** The least and the largest number of every value. */
  private Map<String, double[]> ranges(SplitSamples split) throws IOException {
    Set<String> values = new LinkedHashSet<>();
    for (String input : source.graph().inputs()) {
      if (isReal(source.graph(), input)) {
        values.add(input);
      }
    }
    for (NodeProto node : source.graph().nodes()) {
      node.getOutputList().stream()
          .filter(name -> isReal(source.graph(), name))
          .forEach(values::add);
    }
    Map<String, double[]> ranges = new LinkedHashMap<>();
    for (Map.Entry<String, Histogram> one : split.observe(values, progress).entrySet()) {
      if (one.getValue().count() > 0) {
        ranges.put(one.getKey(), new double[] {one.getValue().min(), one.getValue().max()});
      }
    }
    return ranges;
  }

  private static boolean isReal(Graph graph, NodeProto node) {
    return node.getOutputList().stream().anyMatch(name -> isReal(graph, name));
  }

  private static boolean isReal(Graph graph, String name) {
    OnnxModel.Value value = graph.type(name);
    return value != null && value.type() == ElementType.FLOAT;
  }

  private static String key(NodeProto node) {
    return node.getOutputCount() == 0 ? "" : node.getOutput(0);
  }

  /** The nodes that stay in FP32, and those that multiply. */
  private List<Manifest.Layer> layers(
      Map<String, String> keptReasons, Map<String, String> observed, Map<String, String> given) {
    String precision = type == ElementType.FLOAT16 ? "fp16" : "bf16";
    List<Manifest.Layer> layers = new ArrayList<>();
    for (NodeProto node : source.graph().nodes()) {
      String key = key(node);
      String name = node.getName().isEmpty() ? key : node.getName();
      String why = given.getOrDefault(key, observed.getOrDefault(key, keptReasons.get(key)));
      if (why != null) {
        layers.add(new Manifest.Layer(name, node.getOpType(), "fp32", why, null));
      } else if (Placement.multiplies(node)) {
        layers.add(
            new Manifest.Layer(name, node.getOpType(), precision, "its values fit the type", null));
      }
    }
    return layers;
  }
}
