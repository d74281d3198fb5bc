package dev.sluice.converter.build;

import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.stage.Stage;
import dev.sluice.engine.stage.StagePlan;
import java.util.List;

/**
 * What the runs of a model brought to light.
 *
 * <p>Thread safety: immutable.
 *
 * @param samples that the model runs on
 * @param batching whether rows may share a run
 * @param golden samples for the package's self-test
 * @param plan the stages around the model
 * @param stages those that were asked for
 * @param padded axes that are filled up
 * @param proof how the rewritten graph was held against the model; null where it is the same
 */
record Trials(
    SampleSearch samples,
    BatchProof.Verdict batching,
    GoldenSamples.Kept golden,
    StagePlan plan,
    List<Stage> stages,
    String proof,
    Padded padded) {
  /**
   * How requests of different extents share batches.
   *
   * @param padding as the manifest has it
   * @param reason how it was shown; null where there is none
   */
  record Padded(Manifest.Padding padding, String reason) {}
}
