package dev.sluice.engine.cpu;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OrtBinding;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Input and output memory, and for each number of rows a binding over a prefix of it, all made at
 * allocation: a run of any size then allocates nothing.
 *
 * <p>An output whose shape only a run can tell is allocated by ONNX Runtime in each run.
 *
 * <p>Thread safety: as {@link BatchMemory} says.
 */
final class CpuBatchMemory implements BatchMemory {
  private final CpuBackend backend;
  private final ShapeKey key;
  private final InputMemory[] inputs;

  /** Null where the run allocates the output. */
  private final TensorMemory[] outputs;

  /** By rows, from 1 on. */
  private final OrtBinding[] bindings;

  private final boolean fixedOutputs;

  /** Values of the last run, one per output; empty with fixed outputs, and before the first run. */
  private List<OrtValue> results = List.of();

  private CpuBatchMemory(CpuBackend backend, ShapeKey key, int maxRows, Shape[] outputShapes) {
    this.backend = backend;
    this.key = key;
    this.inputs = new InputMemory[key.inputs().size()];
    this.outputs = new TensorMemory[outputShapes.length];
    this.bindings = new OrtBinding[maxRows + 1];
    boolean fixed = true;
    for (Shape shape : outputShapes) {
      fixed &= shape != null;
    }
    this.fixedOutputs = fixed;
  }

  static CpuBatchMemory allocate(CpuBackend backend, ShapeKey key, int maxRows)
      throws BackendException {
    Shape[] outputShapes = OutputShapes.of(backend, key);
    CpuBatchMemory memory = new CpuBatchMemory(backend, key, maxRows, outputShapes);
    if (maxRows > 1 && !(memory.fixedOutputs && memory.noStrings())) {
      throw new BackendException(
          "the model takes strings, or the shape of an output is known only after a run, so its"
              + " memory has one row, but "
              + maxRows
              + " were asked for; build the package with --no-batching",
          null);
    }
    try {
      memory.fill(outputShapes);
      return memory;
    } catch (BackendException | RuntimeException e) {
      memory.close();
      throw e;
    }
  }

  private boolean noStrings() {
    return backend.signature().inputs().stream()
        .noneMatch(spec -> spec.type() == ElementType.STRING);
  }

  private void fill(Shape[] outputShapes) throws BackendException {
    boolean batched = backend.batched();
    for (int i = 0; i < inputs.length; i++) {
      TensorSpec spec = backend.signature().inputs().get(i);
      inputs[i] = InputMemory.allocate(spec, key.inputs().get(i), batched, maxRows());
    }
    for (int i = 0; i < outputs.length; i++) {
      if (outputShapes[i] != null) {
        TensorSpec spec = backend.signature().outputs().get(i);
        outputs[i] = TensorMemory.allocate(spec, outputShapes[i], batched, maxRows());
      }
    }
    OrtEnvironment environment = OrtEnvironment.shared();
    for (int rows = 1; rows < bindings.length; rows++) {
      OrtBinding binding = backend.session().newBinding();
      bindings[rows] = binding;
      for (int i = 0; i < inputs.length; i++) {
        inputs[i].bind(binding, i, rows);
      }
      for (int i = 0; i < outputs.length; i++) {
        if (outputs[i] == null) {
          binding.bindOutputToCpu(i);
        } else {
          try (OrtValue value = outputs[i].value(environment, rows)) {
            binding.bindOutput(i, value);
          }
        }
      }
    }
  }

  /** Runs the first {@code rows} rows. */
  void run(int rows) {
    OrtBinding binding = bindings[rows];
    if (fixedOutputs) {
      binding.run();
      return;
    }
    releaseResults();
    for (int i = 0; i < outputs.length; i++) {
      if (outputs[i] == null) {
        binding.bindOutputToCpu(i);
      }
    }
    binding.run();
    results = binding.outputs();
  }

  CpuBackend backend() {
    return backend;
  }

  @Override
  public ShapeKey key() {
    return key;
  }

  @Override
  public int maxRows() {
    return bindings.length - 1;
  }

  @Override
  public MemorySegment input(int index) {
    return inputs[index].segment();
  }

  @Override
  public long inputRowBytes(int index) {
    return inputs[index].rowBytes();
  }

  @Override
  public boolean fixedOutputs() {
    return fixedOutputs;
  }

  @Override
  public MemorySegment output(int index) {
    if (outputs[index] != null) {
      return outputs[index].segment();
    }
    if (outputSpec(index).type() == ElementType.STRING) {
      throw new IllegalStateException(
          "output " + outputSpec(index) + " has no memory; use strings(" + index + ")");
    }
    return result(index).data();
  }

  @Override
  public long outputRowBytes(int index) {
    return outputs[index] != null ? outputs[index].rowBytes() : output(index).byteSize();
  }

  @Override
  public Shape outputShape(int index) {
    return outputs[index] != null ? outputs[index].row() : OutputShapes.shape(result(index).info());
  }

  @Override
  public void setStrings(int index, String[] values) {
    inputs[index].setStrings(values);
    inputs[index].bind(bindings[1], index, 1);
  }

  @Override
  public String[] strings(int index) {
    if (outputSpec(index).type() != ElementType.STRING) {
      throw new IllegalStateException("output " + outputSpec(index) + " is not of type STRING");
    }
    return result(index).strings();
  }

  private TensorSpec outputSpec(int index) {
    return backend.signature().outputs().get(index);
  }

  private OrtValue result(int index) {
    if (results.isEmpty()) {
      throw new IllegalStateException(
          "output " + outputSpec(index) + " is known only after a run that succeeded");
    }
    return results.get(index);
  }

  private void releaseResults() {
    results.forEach(OrtValue::close);
    results = List.of();
  }

  @Override
  public void close() {
    releaseResults();
    for (OrtBinding binding : bindings) {
      if (binding != null) {
        binding.close();
      }
    }
    for (InputMemory input : inputs) {
      if (input != null) {
        input.close();
      }
    }
    for (TensorMemory output : outputs) {
      if (output != null) {
        output.close();
      }
    }
  }

  @Override
  public String toString() {
    return "memory for " + maxRows() + " rows of " + key.inputs();
  }
}
