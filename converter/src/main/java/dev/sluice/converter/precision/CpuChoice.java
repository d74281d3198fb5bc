package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The graph that serves on the CPU: the one in INT8, that without the layers which are slower in 8
 * bits on this machine, or the model's own, whichever is fastest here.
 *
 * <p>Thread safety: immutable.
 *
 * @param graph the model's own where it stays in FP32
 * @param loss of it
 * @param note which precision it has, and why
 * @param times of it; null where it was not timed
 * @param slow layers that it keeps in FP32 since these are slower in INT8, with both times, by key
 */
record CpuChoice(
    Graph graph,
    Loss loss,
    String note,
    SpeedTrial.Times times,
    Map<String, SpeedTrial.Times> slow) {
  /** Less is within the noise of the measurement. */
  private static final double SLOWER = 0.95;

  /** 8 bits cost accuracy, so they have to gain something. */
  private static final double WORTH = 1.1;

  /** Measures what a graph loses. */
  @FunctionalInterface
  interface Measure {
    Loss of(Graph graph) throws IOException;
  }

  CpuChoice {
    slow = Map.copyOf(slow);
  }

  /**
   * Picks a graph.
   *
   * @param recipe the layers in 8 bits
   * @param loss of the graph that has all of them in 8 bits
   */
  static CpuChoice of(
      SourceModel source,
      PrecisionOptions options,
      Recipe recipe,
      Loss loss,
      CalibrationSource samples,
      Measure measure,
      Progress progress)
      throws IOException {
    Graph fp32 = source.graph();
    if (options.cpuGraph() == PrecisionOptions.CpuGraph.FP32) {
      return exact(fp32, measure, "as --cpu-graph asks for", null);
    }
    if (recipe.layers().isEmpty()) {
      return exact(fp32, measure, "since no layer has INT8", null);
    }
    CpuChoice all =
        new CpuChoice(CpuGraph.of(recipe.graph(), recipe), loss, "INT8", null, Map.of());
    CpuChoice some =
        options.cpuGraph() == PrecisionOptions.CpuGraph.AUTO
            ? withoutSlow(source, options, recipe, all, samples, measure, progress)
            : all;
    progress.at("timing", 0, 1);
    List<SpeedTrial.Times> times =
        SpeedTrial.run(
            source,
            some.slow.isEmpty() ? List.of(all.graph) : List.of(all.graph, some.graph),
            samples);
    CpuChoice best =
        times.getLast().otherNs() < times.getFirst().otherNs()
            ? some.timed(times.getLast())
            : all.timed(times.getFirst());
    return best.times.speedup() < WORTH && options.cpuGraph() == PrecisionOptions.CpuGraph.AUTO
        ? exact(fp32, measure, "since INT8 is not worth it here: " + best.times, best.times)
        : best;
  }

  private CpuChoice timed(SpeedTrial.Times measured) {
    String without = slow.isEmpty() ? "" : " but for " + slow.size() + " layers slower in it";
    return new CpuChoice(graph, loss, "INT8" + without + ": " + measured, measured, slow);
  }

  private static CpuChoice exact(Graph fp32, Measure measure, String why, SpeedTrial.Times times)
      throws IOException {
    return new CpuChoice(fp32, measure.of(fp32), "FP32, " + why, times, Map.of());
  }

  /** The graph without the layers that are slower in INT8; the same where none is. */
  private static CpuChoice withoutSlow(
      SourceModel source,
      PrecisionOptions options,
      Recipe recipe,
      CpuChoice all,
      CalibrationSource samples,
      Measure measure,
      Progress progress)
      throws IOException {
    Map<String, SpeedTrial.Times> slow = new LinkedHashMap<>();
    LayerTrial.run(source, recipe, samples, progress)
        .forEach((key, times) -> {
          if (times.speedup() < SLOWER) {
            slow.put(key, times);
          }
        });
    Set<String> others = new LinkedHashSet<>();
    recipe.layers().forEach(layer -> others.add(layer.key()));
    others.removeAll(slow.keySet());
    if (slow.isEmpty() || others.isEmpty()) {
      return all;
    }
    Graph graph = CpuGraph.of(recipe.graph(), recipe.with(others));
    Loss loss = measure.of(graph);
    return options.maxLoss().holds(loss) ? new CpuChoice(graph, loss, "INT8", null, slow) : all;
  }
}
