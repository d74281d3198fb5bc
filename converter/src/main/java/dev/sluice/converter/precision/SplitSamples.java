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
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Samples of a model, those that ranges are learnt from and those that are held out to measure on.
 *
 * <p>Thread safety: used by one thread.
 */
final class SplitSamples {
  /** One sample of this many is held out. */
  private static final int HOLDOUT_PART = 5;

  /** Of few samples a third is held out, up to this many: fewer say little of others. */
  private static final int MIN_HOLDOUT = 4;

  /** More of them would make the search for layers long. */
  private static final int MAX_HOLDOUT = 64;

  /** Of models whose ranks have no scores more are held out, since they can only be counted. */
  private static final int MAX_COUNTED = 320;

  /** Samples for means, which settle sooner than extremes, and as many to judge passes on. */
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
    int size = Math.clamp(count / HOLDOUT_PART, Math.clamp(count / 3, 2, MIN_HOLDOUT), most);
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

  /** Counts what tensors of the model, of type FLOAT, hold. */
  Map<String, Histogram> observe(Set<String> tensors, Progress progress) throws IOException {
    return observe(source.graph(), tensors, learnt, progress);
  }

  /** Counts what tensors of a graph of the same inputs hold. */
  Map<String, Histogram> observe(Graph graph, Set<String> tensors, Progress progress)
      throws IOException {
    return observe(graph, tensors, learnt, progress);
  }

  /** The same on {@link #someCount} of the samples. */
  Map<String, Histogram> observeSome(Graph graph, Set<String> tensors, Progress progress)
      throws IOException {
    return observe(graph, tensors, some(), progress);
  }

  private Map<String, Histogram> observe(
      Graph graph, Set<String> tensors, int[] indices, Progress progress) throws IOException {
    Set<String> made = new LinkedHashSet<>(tensors);
    // An input of the graph can't be an output, too.
    source.graph().inputs().forEach(made::remove);
    Map<String, Histogram> histograms = new LinkedHashMap<>();
    if (!made.isEmpty()) {
      try (OrtSession session =
          source.session(SourceModel.observing(graph, made), "the observed model")) {
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
    return some().length;
  }

  /** Runs a session on some of the samples that ranges are learnt from, one a run. */
  void someLearnt(OrtSession session, SampleFeed.Sink sink) throws IOException {
    feed(samples, some()).run(session, sink);
  }

  /**
   * Others of the samples that ranges are learnt from than {@link #someLearnt} shows, each alone: a
   * pass that fits its weights to a few samples does well on these in any case.
   */
  List<SampleFeed> otherLearnt() {
    CalibrationSource held = new HeldSamples(samples, source.arena());
    return IntStream.of(some(1)).mapToObj(index -> feed(held, new int[] {index})).toList();
  }

  private SampleFeed feed(CalibrationSource from, int[] indices) {
    return new SampleFeed(from, indices, source.isBatched());
  }

  private int[] some() {
    return some(0);
  }

  /** Every second sample from one on, thinned out. */
  private int[] some(int first) {
    int all = (learnt.length - first + 1) / 2;
    int count = Math.min(MAX_SOME, all);
    return IntStream.range(0, count).map(i -> learnt[first + i * all / count * 2]).toArray();
  }

  /** Takes a tensor of a sample. */
  @FunctionalInterface
  interface TensorSink {
    /**
     * Takes a tensor.
     *
     * @param data of type FLOAT, little endian; gone when this returns
     */
    void accept(String tensor, MemorySegment data, List<Long> extents);
  }

  /** Shows what tensors of type FLOAT hold on some of the samples that ranges are learnt from. */
  void someLearnt(Graph graph, Set<String> tensors, TensorSink sink, IntConsumer done)
      throws IOException {
    List<String> inputs = source.graph().inputs().stream().filter(tensors::contains).toList();
    List<String> made = tensors.stream().filter(name -> !inputs.contains(name)).toList();
    if (!inputs.isEmpty()) {
      for (int index : some()) {
        Map<String, NpyArray> sample = samples.sample(index);
        for (String input : inputs) {
          NpyArray array = sample.get(input);
          sink.accept(input, array.data(), LongStream.of(array.shape().dims()).boxed().toList());
        }
      }
    }
    if (!made.isEmpty()) {
      try (OrtSession session =
          source.session(SourceModel.observing(graph, made), "the observed model")) {
        someLearnt(
            session,
            (outputs, count) -> {
              for (int i = 0; i < outputs.size(); i++) {
                sink.accept(made.get(i), outputs.get(i).data(), outputs.get(i).info().dims());
              }
              done.accept(count);
            });
      }
    }
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
