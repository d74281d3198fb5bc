package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.engine.Shape;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Runs a model on samples of any shape.
 *
 * <p>Thread safety: used by one thread.
 */
final class SampleRunner {
  private final OrtSession session;
  private final long rows;

  SampleRunner(OrtSession session) {
    this(session, 1);
  }

  /**
   * A runner for samples of one row.
   *
   * @param rows that each run of the model has: the sample is repeated, and the first row of what
   *     comes out is kept
   */
  SampleRunner(OrtSession session, long rows) {
    this.session = session;
    this.rows = rows;
  }

  OrtSession session() {
    return session;
  }

  /**
   * Runs once.
   *
   * @param inputs one per input of the model
   * @return one per output, on the heap
   * @throws dev.sluice.bindings.NativeException when the model refuses the inputs
   * @throws UncheckedIOException of an {@link InterruptedIOException} when this thread was
   *     interrupted, which stays so
   */
  List<SampleTensor> run(List<SampleTensor> inputs) {
    if (Thread.currentThread().isInterrupted()) {
      throw new UncheckedIOException(
          new InterruptedIOException("the build was interrupted; nothing is left of it"));
    }
    if (rows != 1) {
      SampleRunner whole = new SampleRunner(session);
      return whole.run(inputs.stream().map(input -> input.repeated(rows)).toList()).stream()
          .map(SampleTensor::first)
          .toList();
    }
    OrtEnvironment environment = OrtEnvironment.shared();
    List<OrtValue> in = new ArrayList<>();
    List<OrtValue> out = List.of();
    try (Arena arena = Arena.ofConfined()) {
      try {
        for (SampleTensor input : inputs) {
          in.add(value(environment, input, arena));
        }
        out = session.run(in);
        List<SampleTensor> results = new ArrayList<>();
        for (OrtValue value : out) {
          results.add(copy(value));
        }
        return results;
      } finally {
        out.forEach(OrtValue::close);
        in.forEach(OrtValue::close);
      }
    }
  }

  private static OrtValue value(OrtEnvironment environment, SampleTensor input, Arena arena) {
    long[] dims = input.shape().dims();
    if (input.type() == ElementType.STRING) {
      String[] texts = new String[Math.toIntExact(input.shape().elementCount())];
      // A text, and for models that read numbers, a number.
      Arrays.fill(texts, "1");
      return OrtValue.strings(environment, texts, dims);
    }
    MemorySegment copy = arena.allocate(Math.max(1, input.data().byteSize()), 64);
    copy.copyFrom(input.data());
    return OrtValue.tensor(environment, copy, input.type(), dims);
  }

  private static SampleTensor copy(OrtValue value) {
    var info = value.info();
    Shape shape = Shape.of(info.dims().stream().mapToLong(Long::longValue).toArray());
    if (info.type() == ElementType.STRING) {
      return new SampleTensor(info.type(), shape, null);
    }
    long sizeBytes = info.type().byteSize(shape.elementCount());
    byte[] bytes = new byte[Math.toIntExact(sizeBytes)];
    MemorySegment data = MemorySegment.ofArray(bytes);
    if (sizeBytes > 0) {
      data.copyFrom(value.data());
    }
    return new SampleTensor(info.type(), shape, data);
  }
}
