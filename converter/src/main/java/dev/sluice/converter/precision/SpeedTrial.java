package dev.sluice.converter.precision;

import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
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
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Times two graphs of a model against each other on this machine: one thread each, one sample a
 * run, in turns, so that what else the machine does meets both.
 *
 * <p>Thread safety: used by one thread.
 */
public final class SpeedTrial {
  /** Time for both together: some hundred turns, of which one or the other is undisturbed. */
  private static final long BUDGET_NS = 2_000_000_000;

  /** One graph's turn: so long that its weights are in the caches for most of it. */
  private static final long TURN_NS = 5_000_000;

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

  /** Times a graph against the model's. */
  static Times run(SourceModel source, Graph other, CalibrationSource samples) throws IOException {
    Map<String, NpyArray> sample = samples.sample(0);
    OrtSessionOptions.Optimization all = OrtSessionOptions.Optimization.ALL;
    try (Arena arena = Arena.ofConfined();
        OrtSession model = source.session(source.graph().model(), 1, all, "the model in FP32");
        OrtSession made = source.session(other.model(), 1, all, "the changed model")) {
      List<OrtValue> inputs = new ArrayList<>();
      try {
        for (OrtValueInfo input : model.inputs()) {
          inputs.add(value(sample.get(input.name()), arena));
        }
        return times(made, model, inputs);
      } finally {
        inputs.forEach(OrtValue::close);
      }
    }
  }

  private static OrtValue value(NpyArray array, Arena arena) {
    MemorySegment data = arena.allocate(Math.max(1, array.data().byteSize()), 64);
    data.copyFrom(array.data());
    Shape shape = array.shape();
    return OrtValue.tensor(OrtEnvironment.shared(), data, array.type(), shape.dims());
  }

  private static Times times(OrtSession made, OrtSession model, List<OrtValue> inputs) {
    // The first run prepares memory; the second tells how many make a turn.
    runNs(made, inputs, 1);
    int turn = Math.clamp(TURN_NS / Math.max(1, runNs(made, inputs, 1)), 1, MAX_TURN);
    runNs(model, inputs, 1);
    long madeNs = Long.MAX_VALUE;
    long modelNs = Long.MAX_VALUE;
    long endNs = System.nanoTime() + BUDGET_NS;
    for (int rounds = 0; rounds < MIN_ROUNDS || System.nanoTime() - endNs < 0; rounds++) {
      madeNs = Math.min(madeNs, runNs(made, inputs, turn));
      modelNs = Math.min(modelNs, runNs(model, inputs, turn));
    }
    return new Times(madeNs, modelNs);
  }

  /** The time of a run, the mean of so many. */
  private static long runNs(OrtSession session, List<OrtValue> inputs, int runs) {
    long startNs = System.nanoTime();
    for (int i = 0; i < runs; i++) {
      session.run(inputs).forEach(OrtValue::close);
    }
    return (System.nanoTime() - startNs) / runs;
  }
}
