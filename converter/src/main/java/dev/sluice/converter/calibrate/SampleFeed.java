package dev.sluice.converter.calibrate;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Runs sessions on samples, those of one shape together where the model is batched. One batch is in
 * memory at a time.
 *
 * <p>Thread safety: used by one thread.
 */
public final class SampleFeed {
  private final CalibrationSource source;
  private final int[] indices;
  private final boolean batched;
  private int maxRows = 1;

  /** Takes what a run gave. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Takes the outputs of one run.
     *
     * @param outputs in the session's order; closed when this returns
     * @param done samples that have been run, these included
     */
    void accept(List<OrtValue> outputs, int done) throws IOException;
  }

  /**
   * A feed of some of the samples.
   *
   * @param source checked by {@link SampleCheck}
   * @param indices of the samples
   * @param batched whether axis 0 of every input and output is the batch
   */
  public SampleFeed(CalibrationSource source, int[] indices, boolean batched) {
    this.source = source;
    this.indices = indices.clone();
    this.batched = batched;
  }

  /** How many samples there are. */
  public int count() {
    return indices.length;
  }

  /** Allows more rows of a run than one, where the model is batched. */
  public void setMaxRows(int rows) {
    maxRows = batched ? Math.max(1, rows) : 1;
  }

  /**
   * Runs a session on all samples, in their order.
   *
   * @throws InterruptedIOException when this thread was interrupted, which stays so
   * @throws SampleCheck.UnfitException when the model refuses a sample
   */
  public void run(OrtSession session, Sink sink) throws IOException {
    List<Map<String, NpyArray>> waiting = new ArrayList<>();
    int done = 0;
    for (int next = 0; next <= indices.length; next++) {
      Map<String, NpyArray> sample = next < indices.length ? source.sample(indices[next]) : null;
      boolean joins =
          waiting.isEmpty()
              || (sample != null && waiting.size() < maxRows && alike(waiting.getFirst(), sample));
      if (!joins) {
        String first = source.name(indices[done]);
        done += waiting.size();
        run(session, waiting, first, sink, done);
        waiting.clear();
      }
      if (sample != null) {
        waiting.add(sample);
      }
    }
  }

  private static boolean alike(Map<String, NpyArray> one, Map<String, NpyArray> other) {
    return one.entrySet().stream()
        .allMatch(input -> input.getValue().shape().equals(other.get(input.getKey()).shape()));
  }

  private static void run(
      OrtSession session, List<Map<String, NpyArray>> samples, String first, Sink sink, int done)
      throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("the build was interrupted; nothing is left of it");
    }
    List<OrtValue> in = new ArrayList<>();
    List<OrtValue> out = List.of();
    try (Arena arena = Arena.ofConfined()) {
      try {
        for (OrtValueInfo input : session.inputs()) {
          in.add(joined(samples, input.name(), arena));
        }
        try {
          out = session.run(in);
        } catch (NativeException e) {
          throw new SampleCheck.UnfitException(
              first
                  + ": the model refuses it: "
                  + e.getMessage()
                  + "; mend or leave out the sample",
              e);
        }
        sink.accept(out, done);
      } finally {
        out.forEach(OrtValue::close);
        in.forEach(OrtValue::close);
      }
    }
  }

  private static OrtValue joined(List<Map<String, NpyArray>> samples, String name, Arena arena) {
    NpyArray first = samples.getFirst().get(name);
    ElementType type = first.type();
    Shape shape = first.shape();
    if (samples.size() > 1) {
      shape = shape.withDim(0, samples.size());
    }
    long each = first.data().byteSize();
    MemorySegment data = arena.allocate(Math.max(1, each * samples.size()), 64);
    for (int i = 0; i < samples.size(); i++) {
      MemorySegment.copy(samples.get(i).get(name).data(), 0, data, i * each, each);
    }
    return OrtValue.tensor(OrtEnvironment.shared(), data, type, shape.dims());
  }
}
