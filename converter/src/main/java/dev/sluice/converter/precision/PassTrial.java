package dev.sluice.converter.precision;

import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.converter.calibrate.SampleFeed;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Measures whether a pass helps, on samples that ranges are learnt from, but no other pass fits
 * anything to: those that are held out are for the figures that are claimed.
 *
 * <p>An output that a Softmax or a Sigmoid makes is measured ahead of it. Behind it one sample near
 * a tie outweighs all others, and which way it falls is chance: on SqueezeNet, by 20 photographs, a
 * pass that took 0.5 dB of noise out of the scores seemed to add 1.3 dB to that of the
 * probabilities. So is a ratio of sums over all samples that of the few with the most noise: the
 * mean of each sample's decibels counts.
 *
 * <p>Thread safety: used by one thread.
 */
final class PassTrial {
  /** What is less is chance. */
  private static final double MIN_GAIN_DB = 0.1;

  /** A sample whose noise is less has none, and must not outweigh the others. */
  private static final double MAX_DB = 100;

  private static final Set<String> LAST = Set.of("Softmax", "LogSoftmax", "Sigmoid");

  private final SourceModel source;
  private final List<String> measured;
  private final List<Holdout> samples = new ArrayList<>();

  /** A trial of a model's passes. */
  PassTrial(SourceModel source, SplitSamples split) throws IOException {
    this.source = source;
    this.measured = measured(source.graph());
    try (OrtSession session = session(source.graph(), "the model in FP32")) {
      for (SampleFeed sample : split.otherLearnt()) {
        samples.add(Holdout.of(session, sample, source.arena()));
      }
    }
  }

  private static List<String> measured(Graph graph) {
    Set<String> measured = new LinkedHashSet<>();
    for (String output : graph.outputs()) {
      int maker = graph.producer(output);
      NodeProto node = maker < 0 ? null : graph.nodes().get(maker);
      boolean ahead = node != null && Graph.isStandard(node) && LAST.contains(node.getOpType());
      boolean made = ahead && graph.producer(node.getInput(0)) >= 0;
      measured.add(made ? node.getInput(0) : output);
    }
    return new ArrayList<>(measured);
  }

  private OrtSession session(Graph graph, String label) throws IOException {
    return source.session(SourceModel.observing(graph, measured), label);
  }

  /** Signal to noise of the worse of a recipe's two graphs, the mean of the samples' decibels. */
  double sqnrDb(Recipe recipe) throws IOException {
    return Math.min(
        sqnrDb(CpuGraph.of(recipe.graph(), recipe)),
        sqnrDb(TensorRtGraph.of(recipe.graph(), recipe)));
  }

  private double sqnrDb(Graph graph) throws IOException {
    try (OrtSession session = session(graph, "the changed model")) {
      double sum = 0;
      for (Holdout sample : samples) {
        sum += Math.clamp(new Loss(sample.compare(session)).sqnrDb(), 0, MAX_DB);
      }
      return sum / samples.size();
    }
  }

  /** Whether a pass helps. */
  static boolean helps(double beforeDb, double afterDb) {
    return afterDb >= beforeDb + MIN_GAIN_DB;
  }
}
