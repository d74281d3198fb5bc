package dev.sluice.engine.stage;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeMemory;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The model's memory, and beside it memory for what the stages read and write in the place of the
 * model's tensors.
 *
 * <p>Thread safety: as {@link BatchMemory} says.
 */
final class StagedMemory implements BatchMemory {
  /** A cache line, and the widest vector register. */
  private static final long ALIGNMENT_BYTES = 64;

  private final StagedBackend backend;
  private final StagePlan plan;
  private final List<InputStep> inputSteps;
  private final List<OutputStep> outputSteps;
  private final ShapeKey key;
  private final BatchMemory model;
  private final Tensor[] inputs;
  private final Tensor[] outputs;

  /** Memory of one served tensor. */
  private record Tensor(Shape row, long rowBytes, NativeMemory memory) {
    static Tensor allocate(String name, ElementType type, Shape row, int rows)
        throws BackendException {
      long rowBytes = type.byteSize(row.elementCount());
      try {
        return new Tensor(
            row, rowBytes, NativeMemory.allocate(name, rowBytes * rows, ALIGNMENT_BYTES));
      } catch (OutOfMemoryError | IllegalArgumentException e) {
        throw new BackendException(
            "no native memory left for "
                + rows
                + " rows of '"
                + name
                + "' ("
                + type
                + row
                + "): "
                + rowBytes * rows
                + " bytes were asked for: "
                + e.getMessage()
                + "; lower the largest batch, the number of batch buffers or the stage's max=, or"
                + " raise -XX:MaxDirectMemorySize",
            e);
      }
    }
  }

  private StagedMemory(StagedBackend backend, ShapeKey key, BatchMemory model) {
    this.backend = backend;
    this.plan = backend.plan();
    this.inputSteps = plan.inputs();
    this.outputSteps = plan.outputs();
    this.key = key;
    this.model = model;
    this.inputs = new Tensor[plan.served().inputs().size()];
    this.outputs = new Tensor[plan.served().outputs().size()];
  }

  static StagedMemory allocate(StagedBackend backend, ShapeKey key, int maxRows)
      throws BackendException {
    BatchMemory model = backend.model().allocate(backend.plan().modelKey(key), maxRows);
    StagedMemory memory = new StagedMemory(backend, key, model);
    try {
      memory.fill();
      return memory;
    } catch (BackendException | RuntimeException e) {
      memory.close();
      throw e;
    }
  }

  private void fill() throws BackendException {
    for (int i = 0; i < inputs.length; i++) {
      if (plan.modelInput(i) < 0) {
        TensorSpec spec = plan.served().inputs().get(i);
        inputs[i] = Tensor.allocate(spec.name(), spec.type(), key.inputs().get(i), maxRows());
      }
    }
    if (model.fixedOutputs()) {
      fillOutputs();
    }
  }

  /**
   * Memory for as many rows as the model's outputs have. Where only a run tells these, each run
   * allocates a few objects here; models whose outputs are fixed do that once.
   */
  private void fillOutputs() throws BackendException {
    for (OutputStep step : outputSteps) {
      List<TensorSpec> specs = step.served(model.outputShape(step.model()));
      int first = Math.min(step.values(), step.indices());
      for (int i = 0; i < specs.size(); i++) {
        Tensor old = outputs[first + i];
        if (old == null || !old.row().equals(specs.get(i).shape())) {
          outputs[first + i] = null;
          if (old != null) {
            old.memory().close();
          }
          TensorSpec spec = specs.get(i);
          outputs[first + i] =
              Tensor.allocate(spec.name(), spec.type(), spec.shape(), model.maxRows());
        }
      }
    }
  }

  /** Runs the stages before the model. */
  void before(int rows) {
    for (int i = 0; i < inputSteps.size(); i++) {
      InputStep step = inputSteps.get(i);
      Tensor images = inputs[step.served()];
      step.run(
          images.memory().segment(),
          step.sizes() < 0 ? null : inputs[step.sizes()].memory().segment(),
          model.input(step.model()),
          rows * (images.rowBytes() / step.stage().capacityBytes()));
    }
  }

  /** Runs the stages after the model. */
  void after(int rows) throws BackendException {
    if (!model.fixedOutputs()) {
      fillOutputs();
    }
    for (int i = 0; i < outputSteps.size(); i++) {
      OutputStep step = outputSteps.get(i);
      Tensor values = outputs[step.values()];
      step.run(
          model.output(step.model()),
          values.memory().segment(),
          outputs[step.indices()].memory().segment(),
          rows * (values.rowBytes() / ((long) Float.BYTES * step.stage().k())));
    }
  }

  StagedBackend backend() {
    return backend;
  }

  BatchMemory model() {
    return model;
  }

  @Override
  public ShapeKey key() {
    return key;
  }

  @Override
  public int maxRows() {
    return model.maxRows();
  }

  @Override
  public MemorySegment input(int index) {
    return inputs[index] == null
        ? model.input(plan.modelInput(index))
        : inputs[index].memory().segment();
  }

  @Override
  public long inputRowBytes(int index) {
    return inputs[index] == null
        ? model.inputRowBytes(plan.modelInput(index))
        : inputs[index].rowBytes();
  }

  @Override
  public boolean fixedOutputs() {
    return model.fixedOutputs();
  }

  private Tensor staged(int index) {
    if (outputs[index] == null) {
      throw new IllegalStateException(
          "output "
              + plan.served().outputs().get(index)
              + " is known only after a run that succeeded");
    }
    return outputs[index];
  }

  @Override
  public MemorySegment output(int index) {
    int own = plan.modelOutput(index);
    return own >= 0 ? model.output(own) : staged(index).memory().segment();
  }

  @Override
  public long outputRowBytes(int index) {
    int own = plan.modelOutput(index);
    return own >= 0 ? model.outputRowBytes(own) : staged(index).rowBytes();
  }

  @Override
  public Shape outputShape(int index) {
    int own = plan.modelOutput(index);
    return own >= 0 ? model.outputShape(own) : staged(index).row();
  }

  @Override
  public void setStrings(int index, String[] values) {
    if (inputs[index] != null) {
      throw new IllegalStateException(
          "input " + plan.served().inputs().get(index) + " is not of type STRING; use its memory");
    }
    model.setStrings(plan.modelInput(index), values);
  }

  @Override
  public String[] strings(int index) {
    int own = plan.modelOutput(index);
    if (own < 0) {
      throw new IllegalStateException(
          "output " + plan.served().outputs().get(index) + " is not of type STRING");
    }
    return model.strings(own);
  }

  @Override
  public void close() {
    model.close();
    for (Tensor[] tensors : new Tensor[][] {inputs, outputs}) {
      for (Tensor tensor : tensors) {
        if (tensor != null) {
          tensor.memory().close();
        }
      }
    }
  }

  @Override
  public String toString() {
    return "memory for " + maxRows() + " rows of " + key.inputs();
  }
}
