package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import java.io.IOException;

/** What {@link ScaleMigration} makes of models, ahead of any quantization. */
public final class MigratedGraphs {
  private MigratedGraphs() {}

  /** The graph with scales moved. */
  public static Graph of(SourceModel model, CalibrationSource samples) throws IOException {
    return ScaleMigration.of(
        model,
        Placement.of(model.graph(), _ -> false).layers(),
        new SplitSamples(model, samples),
        Progress.NONE);
  }

  /** Signal to noise of a graph against the model's. */
  public static double sqnrDb(SourceModel model, CalibrationSource samples, Graph graph)
      throws IOException {
    SplitSamples split = new SplitSamples(model, samples);
    return split.loss(split.holdout(), graph).sqnrDb();
  }
}
