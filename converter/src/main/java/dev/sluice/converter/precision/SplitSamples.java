package dev.sluice.converter.precision;

import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.HeldSamples;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.Observation;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.calibrate.SampleCheck;
import dev.sluice.converter.calibrate.SampleFeed;
import dev.sluice.converter.graph.Graph;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Samples of a model, those that ranges are learnt from and those that are held out to measure on.
 *
 * <p>Thread safety: used by one thread.
 */
final class SplitSamples {
  /** One sample of this many is held out. */
  private static final int HOLDOUT_PART = 5;

  /** Of few samples half are held out, up to this many: fewer say little of others. */
  private static final int MIN_HOLDOUT = 6;

  /** More of them would make the search for layers long. */
  private static final int MAX_HOLDOUT = 64;

  /** Of models whose ranks have no scores more are held out, since they can only be counted. */
  private static final int MAX_COUNTED = 320;

  /** Samples for means, which settle sooner than extremes. */
  private static final int MAX_SOME = 32;

  private final SourceModel source;
  private final CalibrationSource samples;
  private final int[] learnt;
  private final int[] heldOut;

  /**
   * Checks samples and splits them.
   *
   * @throws IOException where one can't be read or is unfit
   */
  SplitSamples(SourceModel source, CalibrationSource samples) throws IOException {
    this.source = source;
    this.samples = samples;
    new SampleCheck(samples, source.inputs(), source.isBatched()).run();
    int count = samples.count();
    int most = source.hasScores() ? MAX_HOLDOUT : MAX_COUNTED;
    int size = Math.clamp(count / HOLDOUT_PART, Math.min(MIN_HOLDOUT, count / 2), most);
    // From the middle of each part, so that what is in order is spread over both.
    heldOut = IntStream.range(0, size).map(i -> (int) ((i + 0.5) * count / size)).toArray();
    Set<Integer> held = new LinkedHashSet<>();
    IntStream.of(heldOut).forEach(held::add);
    learnt = IntStream.range(0, count).filter(i -> !held.contains(i)).toArray();
  }

  CalibrationSource samples() {
    return samples;
  }

  /** How many samples ranges are learnt from. */
  int learntCount() {
    return learnt.length;
  }

  /** Counts what tensors of type FLOAT hold. */
  Map<String, Histogram> observe(Set<String> tensors, Progress progress) throws IOException {
    return observe(tensors, learnt, progress);
  }

  /** The same on {@link #someCount} of the samples. */
  Map<String, Histogram> observeSome(Set<String> tensors, Progress progress) throws IOException {
    return observe(tensors, some(), progress);
  }

  private Map<String, Histogram> observe(Set<String> tensors, int[] indices, Progress progress)
      throws IOException {
    Set<String> made = new LinkedHashSet<>(tensors);
    // An input of the graph can't be an output, too.
    source.graph().inputs().forEach(made::remove);
    Map<String, Histogram> histograms = new LinkedHashMap<>();
    if (!made.isEmpty()) {
      try (OrtSession session =
          source.session(SourceModel.observing(source.graph(), made), "the observed model")) {
        histograms.putAll(
            Observation.run(
                session, new SampleFeed(samples, indices, source.isBatched()), progress));
      }
    }
    for (String input : source.graph().inputs()) {
      if (tensors.contains(input)) {
        Histogram histogram = new Histogram();
        Histogram.Scratch scratch = new Histogram.Scratch();
        for (int index : indices) {
          histogram.add(samples.sample(index).get(input).data(), scratch);
        }
        histograms.put(input, histogram);
      }
    }
    return histograms;
  }

  /** How many samples {@link #someLearnt} takes. */
  int someCount() {
    return Math.min(MAX_SOME, learnt.length);
  }

  /** Runs a session on some of the samples that ranges are learnt from, one a run. */
  void someLearnt(OrtSession session, SampleFeed.Sink sink) throws IOException {
    new SampleFeed(samples, some(), source.isBatched()).run(session, sink);
  }

  private int[] some() {
    int count = someCount();
    return IntStream.range(0, count).map(i -> learnt[i * learnt.length / count]).toArray();
  }

  /** Asks the model for its answers to what is held out. */
  Holdout holdout() throws IOException {
    try (OrtSession session = source.session(source.given().proto(), "the model in FP32")) {
      return Holdout.of(
          session,
          new SampleFeed(new HeldSamples(samples, source.arena()), heldOut, source.isBatched()),
          source.arena());
    }
  }

  /** What a graph of the model loses. */
  Loss loss(Holdout holdout, Graph graph) throws IOException {
    try (OrtSession session = source.session(graph.model(), "the changed model")) {
      return new Loss(holdout.compare(session));
    }
  }
}
