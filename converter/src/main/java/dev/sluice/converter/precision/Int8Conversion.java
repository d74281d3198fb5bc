package dev.sluice.converter.precision;

import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.HeldSamples;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.Observation;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.calibrate.SampleCheck;
import dev.sluice.converter.calibrate.SampleFeed;
import dev.sluice.converter.graph.Graph;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Brings a model in FP32 to INT8: observes its tensors on samples, picks their bounds, measures
 * what each layer loses on samples that were held out, and gives layers back to FP32 until the
 * whole is within a bar.
 *
 * <p>Thread safety: used by one thread.
 */
public final class Int8Conversion {
  /** One sample of this many is held out. */
  private static final int HOLDOUT_PART = 5;

  private static final int MAX_HOLDOUT = 64;

  private final SourceModel source;
  private final PrecisionOptions options;
  private final CalibrationSource samples;
  private final Progress progress;

  /**
   * A conversion.
   *
   * @param source the model in FP32
   * @param samples what it will see
   */
  public Int8Conversion(
      SourceModel source, PrecisionOptions options, CalibrationSource samples, Progress progress) {
    this.source = source;
    this.options = options;
    this.samples = samples;
    this.progress = progress;
  }

  /**
   * What was made.
   *
   * @param cpu the graph for the CPU
   * @param tensorRt the graph for TensorRT
   * @param cpuSpeed which precision the CPU's graph has, and how fast it is
   * @param layers every node that multiplies, with its precision, the reason and its own loss
   * @param calibrator that picked the bounds
   * @param calibrationSamples that ranges were learnt from
   * @param holdoutSamples that losses were measured on
   * @param cpuLoss of the CPU's graph
   * @param tensorRtLoss of TensorRT's
   * @param bounds of the tensors
   * @param histograms of the tensors
   */
  public record Result(
      Graph cpu,
      Graph tensorRt,
      String cpuSpeed,
      List<Manifest.Layer> layers,
      String calibrator,
      int calibrationSamples,
      int holdoutSamples,
      Loss cpuLoss,
      Loss tensorRtLoss,
      Map<String, Bounds> bounds,
      Map<String, Histogram> histograms) {}

  /**
   * Converts.
   *
   * @throws BarNotMetException where no choice of layers is within the bar
   * @throws IOException where a sample can't be read or is unfit
   */
  public Result run() throws IOException, BarNotMetException {
    Graph graph = source.graph();
    new SampleCheck(samples, source.inputs(), source.isBatched()).run();
    Placement placement =
        Placement.of(
            graph,
            node ->
                options.excludes(
                    node.getName(), node.getOutputCount() == 0 ? "" : node.getOutput(0)));
    int[] heldOut = heldOut(samples.count());
    Set<Integer> held = new LinkedHashSet<>();
    IntStream.of(heldOut).forEach(held::add);
    int[] learnt = IntStream.range(0, samples.count()).filter(i -> !held.contains(i)).toArray();
    Map<String, Histogram> histograms = observe(placement, learnt);
    Map<String, Bounds> bounds = new LinkedHashMap<>();
    histograms.forEach((name, one) -> bounds.put(name, options.calibrator().bounds(one)));
    Path file = source.scratchFile();
    Recipe recipe =
        new Recipe(
            placement.layers(),
            bounds,
            LayerWeights.write(
                graph, placement.layers(), bounds, source.data(), file, source.arena()),
            source.data());
    Holdout holdout = holdout(heldOut);
    Map<String, Loss> losses = new HashMap<>();
    int done = 0;
    for (Layer layer : placement.layers()) {
      progress.at("measuring layers", done++, placement.layers().size());
      losses.put(
          layer.key(), loss(holdout, TensorRtGraph.of(graph, recipe.with(Set.of(layer.key())))));
    }
    Budget budget = new Budget(recipe, losses, options.maxLoss(), kept -> losses(holdout, kept));
    Budget.Choice choice = budget.run(progress);
    Recipe chosen = recipe.with(choice.kept());
    Graph cpu = CpuGraph.of(graph, chosen);
    String fp32 = null;
    String timed = "";
    if (options.cpuGraph() == PrecisionOptions.CpuGraph.FP32) {
      fp32 = "as --cpu-graph asks for";
    } else if (choice.kept().isEmpty()) {
      fp32 = "since no layer has INT8";
    } else {
      progress.at("timing", 0, 1);
      SpeedTrial.Times times = SpeedTrial.run(source, cpu, samples);
      timed = times.toString();
      if (times.speedup() < 1 && options.cpuGraph() == PrecisionOptions.CpuGraph.AUTO) {
        fp32 = "since INT8 is slower here: " + times;
      }
    }
    boolean slower = fp32 != null;
    return new Result(
        slower ? graph : cpu,
        TensorRtGraph.of(graph, chosen),
        slower ? "FP32, " + fp32 : "INT8: " + timed,
        layers(placement, choice, losses),
        options.calibrator().text(),
        learnt.length,
        heldOut.length,
        slower ? losses(holdout, recipe.with(Set.of())).cpu() : choice.losses().cpu(),
        choice.losses().tensorRt(),
        bounds,
        histograms);
  }

  /** Every so-manieth sample, the first of them not the first of all. */
  private static int[] heldOut(int count) {
    int size = Math.clamp(count / HOLDOUT_PART, 1, MAX_HOLDOUT);
    return IntStream.range(0, size).map(i -> (int) ((i + 0.5) * count / size)).toArray();
  }

  private Map<String, Histogram> observe(Placement placement, int[] learnt) throws IOException {
    Set<String> tensors =
        new LinkedHashSet<>(new CpuPlacement(source.graph(), placement.layers()).quantized());
    tensors.addAll(TensorRtGraph.quantized(source.graph(), placement.layers()));
    if (tensors.isEmpty()) {
      return Map.of();
    }
    Set<String> made = new LinkedHashSet<>(tensors);
    // An input of the graph can't be an output, too.
    source.graph().inputs().forEach(made::remove);
    Map<String, Histogram> histograms = new LinkedHashMap<>();
    if (!made.isEmpty()) {
      try (OrtSession session = source.session(source.observing(made), "the observed model")) {
        histograms.putAll(
            Observation.run(
                session, new SampleFeed(samples, learnt, source.isBatched()), progress));
      }
    }
    for (String input : source.graph().inputs()) {
      if (tensors.contains(input)) {
        Histogram histogram = new Histogram();
        Histogram.Scratch scratch = new Histogram.Scratch();
        for (int index : learnt) {
          histogram.add(samples.sample(index).get(input).data(), scratch);
        }
        histograms.put(input, histogram);
      }
    }
    return histograms;
  }

  private Holdout holdout(int[] heldOut) throws IOException {
    try (OrtSession session = source.session(source.graph().model(), "the model in FP32")) {
      return Holdout.of(
          session,
          new SampleFeed(new HeldSamples(samples, source.arena()), heldOut, source.isBatched()),
          source.arena());
    }
  }

  private Budget.Losses losses(Holdout holdout, Recipe recipe) throws IOException {
    return new Budget.Losses(
        loss(holdout, CpuGraph.of(source.graph(), recipe)),
        loss(holdout, TensorRtGraph.of(source.graph(), recipe)));
  }

  private Loss loss(Holdout holdout, Graph graph) throws IOException {
    try (OrtSession session = source.session(graph.model(), "the quantized model")) {
      return new Loss(holdout.compare(session));
    }
  }

  private static List<Manifest.Layer> layers(
      Placement placement, Budget.Choice choice, Map<String, Loss> losses) {
    List<Manifest.Layer> layers = new ArrayList<>();
    for (Layer layer : placement.layers()) {
      boolean int8 = choice.kept().contains(layer.key());
      layers.add(
          new Manifest.Layer(
              layer.name(),
              layer.operator(),
              int8 ? "int8" : "fp32",
              int8 ? "within the bar" : choice.reasons().get(layer.key()),
              losses.get(layer.key()).sqnrDb()));
    }
    placement
        .others()
        .forEach((node, reason) ->
            layers.add(new Manifest.Layer(node.name(), node.operator(), "fp32", reason, null)));
    return layers;
  }
}
