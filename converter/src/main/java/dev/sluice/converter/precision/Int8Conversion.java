package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.report.PrecisionReport;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
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
  private String biases = "no layer has a bias";

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
    Graph graph = source.graph();
    SplitSamples split = new SplitSamples(source, samples);
    Placement placement = Placement.of(graph, options::excludes);
    Set<String> tensors =
        new LinkedHashSet<>(new CpuPlacement(graph, placement.layers()).quantized());
    tensors.addAll(TensorRtGraph.quantized(graph, placement.layers()));
    Map<String, Histogram> histograms = split.observe(tensors, progress);
    Map<String, Bounds> bounds = new LinkedHashMap<>();
    histograms.forEach((name, one) -> bounds.put(name, options.calibrator().bounds(one)));
    recipe =
        new Recipe(
            placement.layers(),
            bounds,
            LayerWeights.write(
                graph,
                placement.layers(),
                bounds,
                source.data(),
                source.scratchFile(),
                source.arena()),
            Map.of(),
            source.data());
    Holdout holdout = split.holdout();
    correctBiases(split, holdout);
    Map<String, Loss> losses = losses(split, holdout);
    Budget budget =
        new Budget(
            losses,
            options.maxLoss(),
            keys -> {
              Recipe some = recipe.with(keys);
              return new Budget.Losses(
                  split.loss(holdout, CpuGraph.of(graph, some)),
                  split.loss(holdout, TensorRtGraph.of(graph, some)));
            });
    Budget.Choice choice = budget.run(progress);
    HalfAroundInt8.Typed tensorRt =
        new HalfAroundInt8(source, options, split, holdout, progress)
            .type(TensorRtGraph.of(graph, recipe.with(choice.kept())), histograms, choice.losses());
    return finished(split, holdout, choice, tensorRt, placement, losses, histograms);
  }

  /** Corrects the biases, where that makes the worse of the two graphs better. */
  private void correctBiases(SplitSamples split, Holdout holdout) throws IOException {
    Recipe corrected = recipe.withCorrections(BiasCorrection.of(source, recipe, split, progress));
    if (corrected.corrections().isEmpty()) {
      return;
    }
    double before = worse(split, holdout, recipe);
    double after = worse(split, holdout, corrected);
    if (after > before) {
      recipe = corrected;
    }
    biases =
        String.format(
            Locale.ROOT,
            "biases %s: %.1f dB with them corrected, %.1f dB without",
            after > before ? "corrected" : "left as they were",
            after,
            before);
  }

  private double worse(SplitSamples split, Holdout holdout, Recipe one) throws IOException {
    return Math.min(
        split.loss(holdout, CpuGraph.of(source.graph(), one)).sqnrDb(),
        split.loss(holdout, TensorRtGraph.of(source.graph(), one)).sqnrDb());
  }

  /** The weights of each layer before and after, once {@link #run} is done. */
  public List<PrecisionReport.Weight> weights() throws IOException {
    List<PrecisionReport.Weight> weights = new ArrayList<>();
    for (Layer layer : recipe.layers()) {
      weights.add(recipe.weights().report(layer));
    }
    return weights;
  }

  /** What each layer loses on its own, in TensorRT's graph, which has fewer codes. */
  private Map<String, Loss> losses(SplitSamples split, Holdout holdout) throws IOException {
    Map<String, Loss> losses = new LinkedHashMap<>();
    for (Layer layer : recipe.layers()) {
      progress.at("measuring layers", losses.size(), recipe.layers().size());
      Graph alone = TensorRtGraph.of(source.graph(), recipe.with(Set.of(layer.key())));
      losses.put(layer.key(), split.loss(holdout, alone));
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
    Graph graph = source.graph();
    Recipe chosen = recipe.with(choice.kept());
    CpuChoice cpu =
        CpuChoice.of(
            source,
            options,
            chosen,
            choice.losses().cpu(),
            samples,
            one -> split.loss(holdout, one),
            progress);
    return new Conversion(
        "int8",
        cpu.graph(),
        tensorRt.graph(),
        cpu.note() + "; " + biases + "; " + tensorRt.note(),
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
