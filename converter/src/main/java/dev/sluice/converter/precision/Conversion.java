package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.graph.Graph;
import dev.sluice.engine.format.Manifest;
import java.util.List;
import java.util.Map;

/**
 * A model in another precision.
 *
 * <p>Thread safety: immutable, but for the histograms.
 *
 * @param precision as the manifest has it
 * @param cpu the graph for the CPU; the model's own where FP32 serves it better
 * @param tensorRt the graph for TensorRT
 * @param cpuNote which precision the CPU's graph has, and why
 * @param layers nodes with their precision, the reason, and where it was measured their own loss
 * @param calibrator that picked the bounds; null where none had to be picked
 * @param calibrationSamples that ranges were learnt from
 * @param holdoutSamples that losses were measured on
 * @param cpuLoss of the CPU's graph
 * @param tensorRtLoss of TensorRT's
 * @param bounds of the tensors that have codes
 * @param histograms of those tensors
 * @param tensorRtProblems what TensorRT would refuse of its graph
 * @param times how fast the CPU's graph is; null where it was not timed
 */
public record Conversion(
    String precision,
    Graph cpu,
    Graph tensorRt,
    String cpuNote,
    List<Manifest.Layer> layers,
    String calibrator,
    int calibrationSamples,
    int holdoutSamples,
    Loss cpuLoss,
    Loss tensorRtLoss,
    Map<String, Bounds> bounds,
    Map<String, Histogram> histograms,
    List<String> tensorRtProblems,
    SpeedTrial.Times times) {
  /** Copies the lists. */
  public Conversion {
    layers = List.copyOf(layers);
    tensorRtProblems = List.copyOf(tensorRtProblems);
  }
}
