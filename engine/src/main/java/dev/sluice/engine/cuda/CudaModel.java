package dev.sluice.engine.cuda;

import dev.sluice.engine.Signature;
import dev.sluice.engine.stage.Stage;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What the CUDA backend is opened with.
 *
 * <p>Thread safety: immutable.
 *
 * @param label the model's name, for messages
 * @param plan a serialized engine of TensorRT, in native memory; not needed once the backend is
 *     open
 * @param served inputs and outputs as callers see them, outside of the stages
 * @param batched whether axis 0 of every input and output is the batch
 * @param stages before and after the model
 * @param tf32 whether the plan's products of 32-bit floats round their inputs to 10 bits of
 *     fraction
 */
public record CudaModel(
    String label,
    MemorySegment plan,
    Signature served,
    boolean batched,
    List<Stage> stages,
    boolean tf32) {
  /** Copies the list. */
  public CudaModel {
    stages = List.copyOf(stages);
  }
}
