package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Makes the recipe of a model with all of its layers in 8 bits: learns the bounds of tensors, and
 * tries what may take noise out of the results, one pass after the other. A pass stays where {@link
 * PassTrial} says that it helps.
 *
 * <p>Thread safety: used by one thread.
 */
final class Passes {
  private final SourceModel source;
  private final PrecisionOptions options;
  private final SplitSamples split;
  private final Progress progress;
  private final List<String> notes = new ArrayList<>();
  private PassTrial trial;

  /**
   * What was found.
   *
   * @param recipe over the model's graph, or over one of the same function
   * @param placement of the layers in that graph
   * @param histograms of its tensors
   * @param note what each pass did
   */
  record Found(
      Recipe recipe, Placement placement, Map<String, Histogram> histograms, String note) {}

  /** What is known of a graph before its weights are rounded. */
  private record Draft(
      Graph graph,
      Placement placement,
      Map<String, Histogram> histograms,
      Map<String, Bounds> bounds) {}

  Passes(SourceModel source, PrecisionOptions options, SplitSamples split, Progress progress) {
    this.source = source;
    this.options = options;
    this.split = split;
    this.progress = progress;
  }

  Found run() throws IOException {
    Draft draft = draft(source.graph());
    Recipe recipe = rounded(draft, Map.of());
    if (draft.placement().layers().isEmpty()) {
      return found(draft, recipe);
    }
    trial = new PassTrial(source, split);
    double now = trial.sqnrDb(recipe);
    Recipe fed = rounded(draft, moments(draft));
    double fedDb = trial.sqnrDb(fed);
    boolean feedback = kept("rounding with error feedback", now, fedDb);
    recipe = feedback ? fed : recipe;
    now = feedback ? fedDb : now;
    Graph migrated = ScaleMigration.of(source, draft.placement().layers(), split, progress);
    if (migrated != source.graph()) {
      Draft other = draft(migrated);
      Recipe moved = rounded(other, feedback ? moments(other) : Map.of());
      double movedDb = trial.sqnrDb(moved);
      if (kept("scale migration", now, movedDb)) {
        draft = other;
        recipe = moved;
        now = movedDb;
      }
    }
    Recipe corrected = recipe.withCorrections(BiasCorrection.of(source, recipe, split, progress));
    if (!corrected.corrections().isEmpty()
        && kept("bias correction", now, trial.sqnrDb(corrected))) {
      recipe = corrected;
    }
    return found(draft, recipe);
  }

  private Found found(Draft draft, Recipe recipe) {
    return new Found(recipe, draft.placement(), draft.histograms(), String.join(", ", notes));
  }

  private boolean kept(String pass, double beforeDb, double afterDb) {
    boolean helps = PassTrial.helps(beforeDb, afterDb);
    notes.add(
        String.format(
            Locale.ROOT,
            "%s %s (%.1f dB with it, %.1f dB without)",
            pass,
            helps ? "kept" : "left out",
            afterDb,
            beforeDb));
    return helps;
  }

  private Draft draft(Graph graph) throws IOException {
    Placement placement = Placement.of(graph, options::excludes);
    Set<String> tensors =
        new LinkedHashSet<>(new CpuPlacement(graph, placement.layers()).quantized());
    tensors.addAll(TensorRtGraph.quantized(graph, placement.layers()));
    Map<String, Histogram> histograms = split.observe(graph, tensors, progress);
    Map<String, Bounds> bounds = new LinkedHashMap<>();
    histograms.forEach((name, one) -> bounds.put(name, options.calibrator().bounds(one)));
    return new Draft(graph, placement, histograms, bounds);
  }

  private Map<String, InputMoments> moments(Draft draft) throws IOException {
    return InputMoments.observe(draft.graph(), draft.placement().layers(), split, progress);
  }

  private Recipe rounded(Draft draft, Map<String, InputMoments> moments) throws IOException {
    List<Layer> layers = draft.placement().layers();
    return new Recipe(
        draft.graph(),
        layers,
        draft.bounds(),
        LayerWeights.write(
            draft.graph(),
            layers,
            draft.bounds(),
            moments,
            source.data(),
            source.scratchFile(),
            source.arena()),
        Map.of(),
        source.data());
  }
}
