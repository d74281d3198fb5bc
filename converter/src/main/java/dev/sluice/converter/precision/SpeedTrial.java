package dev.sluice.converter.precision;

import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions.Optimization;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.graph.Graph;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * Times graphs of a model against each other on this machine: one thread each, one sample a run, in
 * turns, so that what else the machine does meets all of them.
 *
 * <p>Thread safety: used by one thread.
 */
public final class SpeedTrial {
  /** Time for all together: some hundred turns, of which one or the other is undisturbed. */
  private static final long BUDGET_NS = 2_000_000_000;

  /** One graph's turn: so long that its weights are in the caches for most of it. */
  private static final long TURN_NS = 5_000_000;

  static final Optimization ALL = Optimization.ALL;

  private static final int MIN_ROUNDS = 5;
  private static final int MAX_TURN = 1000;

  private SpeedTrial() {}

  /**
   * How long a run takes, in nanoseconds: the least of many turns, since what else the machine does
   * only adds.
   *
   * @param otherNs of the graph that was made
   * @param modelNs of the model
   */
  public record Times(long otherNs, long modelNs) {
    /** How many times as fast the graph that was made is. */
    public double speedup() {
      return (double) modelNs / otherNs;
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "%.3g ms against %.3g ms in FP32 (%.2fx, one thread, one sample)",
          otherNs / 1e6,
          modelNs / 1e6,
          speedup());
    }
  }

  /** A session with what it is run on. */
  record Subject(OrtSession session, List<OrtValue> inputs) {
    /** The time of a run in nanoseconds, the mean of so many. */
    private long runNs(int runs) {
      long startNs = System.nanoTime();
      for (int i = 0; i < runs; i++) {
        session.run(inputs).forEach(OrtValue::close);
      }
      return (System.nanoTime() - startNs) / runs;
    }
  }

  /** Times graphs against the model's; one result for each. */
  static List<Times> run(SourceModel source, List<Graph> others, CalibrationSource samples)
      throws IOException {
    Map<String, NpyArray> sample = samples.sample(0);
    List<OrtSession> sessions = new ArrayList<>();
    List<OrtValue> inputs = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      sessions.add(source.session(source.graph().model(), 1, ALL, "the model in FP32"));
      for (Graph other : others) {
        sessions.add(source.session(other.model(), 1, ALL, "the changed model"));
      }
      for (OrtValueInfo input : sessions.getFirst().inputs()) {
        inputs.add(value(sample.get(input.name()), arena));
      }
      long[] leastNs =
          leastNs(sessions.stream().map(one -> new Subject(one, inputs)).toList(), BUDGET_NS);
      return LongStream.of(leastNs).skip(1).mapToObj(ns -> new Times(ns, leastNs[0])).toList();
    } finally {
      inputs.forEach(OrtValue::close);
      sessions.forEach(OrtSession::close);
    }
  }

  private static OrtValue value(NpyArray array, Arena arena) {
    MemorySegment data = arena.allocate(Math.max(1, array.data().byteSize()), 64);
    data.copyFrom(array.data());
    Shape shape = array.shape();
    return OrtValue.tensor(OrtEnvironment.shared(), data, array.type(), shape.dims());
  }

  /**
   * Times sessions in turns.
   *
   * @param budgetNs for all of them together
   * @return the least time of a run of each, in nanoseconds
   */
  static long[] leastNs(List<Subject> subjects, long budgetNs) {
    int count = subjects.size();
    int[] turns = new int[count];
    for (int i = 0; i < count; i++) {
      // The first run prepares memory; the second tells how many make a turn.
      subjects.get(i).runNs(1);
      long onceNs = Math.max(1, subjects.get(i).runNs(1));
      turns[i] = Math.clamp(Math.min(TURN_NS, budgetNs / MIN_ROUNDS) / onceNs, 1, MAX_TURN);
    }
    long[] leastNs = new long[count];
    Arrays.fill(leastNs, Long.MAX_VALUE);
    long endNs = System.nanoTime() + budgetNs;
    for (int rounds = 0; rounds < MIN_ROUNDS || System.nanoTime() - endNs < 0; rounds++) {
      for (int i = 0; i < count; i++) {
        leastNs[i] = Math.min(leastNs[i], subjects.get(i).runNs(turns[i]));
      }
    }
    return leastNs;
  }
}
