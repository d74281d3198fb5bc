package dev.sluice.bench.peers;

import ai.onnxruntime.OrtException;
import dev.sluice.bench.models.MakeModels;
import dev.sluice.bench.models.ModelInput;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Something that serves a model: an open session, shared by all callers.
 *
 * <p>Thread safety: {@link #newCaller} by any thread; callers by one thread each.
 */
public interface Peer extends AutoCloseable {
  /** How a model is served. */
  enum Kind {
    /** The engine with its own tuning, from claim to close. */
    SLUICE,
    /** ONNX Runtime's Java API with tensors that are used again, for inputs and outputs. */
    ORT_REUSED,
    /** ONNX Runtime's Java API as its examples have it: tensors made for each request. */
    ORT_USUAL,
    /** DJL's engine for ONNX Runtime, a predictor for each caller. */
    DJL,
    /** The engine's backend in full batches, without the engine. */
    BACKEND
  }

  /** A caller's requests, of one row each, always the same. */
  interface Caller extends AutoCloseable {
    /** Asks once; the first number of the answer. */
    float ask() throws Exception;

    @Override
    void close();
  }

  /** The inputs of a row, as plain memory. */
  record Row(List<ModelInput> inputs, List<MemorySegment> values) {
    /** The row of this number, drawn from the models' seed. */
    public static Row of(List<ModelInput> inputs, int number) {
      return new Row(
          inputs,
          inputs.stream()
              .map(input -> input.rows(Arena.ofAuto(), number, 1, MakeModels.SEED))
              .toList());
    }
  }

  /** A caller of this row. */
  Caller newCaller(Row row) throws Exception;

  @Override
  void close() throws OrtException;
}
