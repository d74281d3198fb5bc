package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.report.PrecisionReport;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Brings a model in FP32 to INT8: observes its tensors on samples, picks their bounds, measures
 * what each layer loses on samples that were held out, and gives layers back to FP32 until the
 * whole is within a bar.
 *
 * <p>Thread safety: used by one thread.
 */
public final class Int8Conversion {
  private final SourceModel source;
  private final PrecisionOptions options;
  private final CalibrationSource samples;
  private final Progress progress;
  private Recipe recipe;
  private String passes = "";

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
   * Converts.
   *
   * @throws BarNotMetException where no choice of layers is within the bar
   * @throws IOException where a sample can't be read or is unfit
   */
  public Conversion run() throws IOException, BarNotMetException {
    source.raiseOperatorSet();
    SplitSamples split = new SplitSamples(source, samples);
    Passes.Found found = new Passes(source, options, split, progress).run();
    recipe = found.recipe();
    passes = found.note();
    Holdout holdout = split.holdout();
    Map<String, Loss> losses = losses(split, holdout);
    Budget budget =
        new Budget(
            losses,
            options.maxLoss(),
            keys ->
                new Budget.Losses(
                    split.loss(holdout, cpuGraph(keys)), split.loss(holdout, tensorRtGraph(keys))));
    Budget.Choice choice = budget.run(progress);
    return finished(
        split, holdout, choice, layers(found.placement(), choice, losses), found.histograms());
  }

  /** The weights of each layer before and after, once {@link #run} is done. */
  public List<PrecisionReport.Weight> weights() throws IOException {
    List<PrecisionReport.Weight> weights = new ArrayList<>();
    for (Layer layer : recipe.layers()) {
      weights.add(recipe.weights().report(layer));
    }
    return weights;
  }

  /** The CPU's graph with some layers in 8 bits; without any it is the model's own. */
  private Graph cpuGraph(Set<String> keys) throws IOException {
    return keys.isEmpty() ? source.graph() : CpuGraph.of(recipe.graph(), recipe.with(keys));
  }

  /** TensorRT's graph with some layers in 8 bits; without any it is the model's own. */
  private Graph tensorRtGraph(Set<String> keys) throws IOException {
    return keys.isEmpty() ? source.graph() : TensorRtGraph.of(recipe.graph(), recipe.with(keys));
  }

  /** What each layer loses on its own, in TensorRT's graph, which has fewer codes. */
  private Map<String, Loss> losses(SplitSamples split, Holdout holdout) throws IOException {
    Map<String, Loss> losses = new LinkedHashMap<>();
    for (Layer layer : recipe.layers()) {
      progress.at("measuring layers", losses.size(), recipe.layers().size());
      losses.put(layer.key(), split.loss(holdout, tensorRtGraph(Set.of(layer.key()))));
    }
    return losses;
  }

  private Conversion finished(
      SplitSamples split,
      Holdout holdout,
      Budget.Choice choice,
      List<Manifest.Layer> layers,
      Map<String, Histogram> histograms)
      throws IOException {
    Graph cpu = cpuGraph(choice.kept());
    Graph tensorRt = tensorRtGraph(choice.kept());
    SpeedTrial.Times times = null;
    String fp32 = null;
    if (options.cpuGraph() == PrecisionOptions.CpuGraph.FP32) {
      fp32 = "as --cpu-graph asks for";
    } else if (choice.kept().isEmpty()) {
      fp32 = "since no layer has INT8";
    } else {
      progress.at("timing", 0, 1);
      times = SpeedTrial.run(source, cpu, samples);
      if (times.speedup() < 1 && options.cpuGraph() == PrecisionOptions.CpuGraph.AUTO) {
        fp32 = "since INT8 is slower here: " + times;
      }
    }
    return new Conversion(
        "int8",
        fp32 != null ? source.graph() : cpu,
        tensorRt,
        (fp32 != null ? "FP32, " + fp32 : "INT8: " + times)
            + (passes.isEmpty() ? "" : "; " + passes),
        layers,
        options.calibrator().text(),
        split.learntCount(),
        holdout.count(),
        fp32 != null ? split.loss(holdout, source.graph()) : choice.losses().cpu(),
        choice.losses().tensorRt(),
        recipe.bounds(),
        histograms,
        StrongTyping.problems(tensorRt, source.newWeights()),
        times);
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
