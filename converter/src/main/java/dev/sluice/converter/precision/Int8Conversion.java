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
 * whole is within a bar. What is not INT8 in TensorRT's graph gets FP16 then, see {@link
 * HalfAroundInt8}.
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
    boolean none = choice.kept().isEmpty();
    HalfAroundInt8.Typed tensorRt =
        new HalfAroundInt8(source, options, split, holdout, progress)
            .type(
                none ? source.graph() : recipe.graph(),
                tensorRtGraph(choice.kept()),
                none ? Map.of() : found.histograms(),
                choice.losses());
    return finished(
        split, holdout, choice, tensorRt, found.placement(), losses, found.histograms());
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
      HalfAroundInt8.Typed tensorRt,
      Placement placement,
      Map<String, Loss> losses,
      Map<String, Histogram> histograms)
      throws IOException {
    CpuChoice cpu =
        CpuChoice.of(
            source,
            options,
            recipe.with(choice.kept()),
            choice.losses().cpu(),
            samples,
            one -> split.loss(holdout, one),
            progress);
    return new Conversion(
        "int8",
        cpu.graph(),
        tensorRt.graph(),
        cpu.note() + (passes.isEmpty() ? "" : "; " + passes) + "; " + tensorRt.note(),
        layers(placement, choice, cpu, losses, tensorRt),
        options.calibrator().text(),
        split.learntCount(),
        holdout.count(),
        cpu.loss(),
        tensorRt.loss(),
        recipe.bounds(),
        histograms,
        StrongTyping.problems(tensorRt.graph(), source.newWeights()),
        cpu.times());
  }

  private List<Manifest.Layer> layers(
      Placement placement,
      Budget.Choice choice,
      CpuChoice cpu,
      Map<String, Loss> losses,
      HalfAroundInt8.Typed tensorRt) {
    List<Manifest.Layer> layers = new ArrayList<>();
    for (Layer layer : placement.layers()) {
      double sqnrDb = losses.get(layer.key()).sqnrDb();
      layers.add(
          choice.kept().contains(layer.key())
              ? tensorRt.int8(layer, onCpu(cpu, layer), sqnrDb)
              : tensorRt.layer(layer, choice.reasons().get(layer.key()), sqnrDb));
    }
    placement.others().forEach((node, why) -> layers.add(tensorRt.layer(node, why, null)));
    layers.addAll(tensorRt.others(source.graph()));
    return layers;
  }

  private static String onCpu(CpuChoice cpu, Layer layer) {
    SpeedTrial.Times slow = cpu.slow().get(layer.key());
    return slow == null ? "" : "; FP32 on the CPU, where alone INT8 takes " + slow;
  }
}
