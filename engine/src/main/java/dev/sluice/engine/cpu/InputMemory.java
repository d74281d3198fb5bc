package dev.sluice.engine.cpu;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OrtBinding;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One input of a batch: memory for its rows, or the strings of its one row.
 *
 * <p>Thread safety: as {@link dev.sluice.engine.backend.BatchMemory} says.
 */
final class InputMemory implements AutoCloseable {
  private final TensorSpec spec;
  private final Shape row;
  private final boolean batched;
  private final TensorMemory memory;
  private String[] strings;

  private InputMemory(TensorSpec spec, Shape row, boolean batched, TensorMemory memory) {
    this.spec = spec;
    this.row = row;
    this.batched = batched;
    this.memory = memory;
  }

  /** Zeroed memory, or empty strings. */
  static InputMemory allocate(TensorSpec spec, Shape row, boolean batched, int rows)
      throws BackendException {
    if (spec.type() != ElementType.STRING) {
      TensorMemory memory = TensorMemory.allocate(spec, row, batched, rows);
      return new InputMemory(spec, row, batched, memory);
    }
    InputMemory input = new InputMemory(spec, row, batched, null);
    input.strings = new String[Math.toIntExact(row.elementCount() * rows)];
    Arrays.fill(input.strings, "");
    return input;
  }

  /** Binds the first {@code rows} rows; strings as they are now. */
  void bind(OrtBinding binding, int index, int rows) {
    OrtEnvironment environment = OrtEnvironment.shared();
    try (OrtValue value =
        memory != null
            ? memory.value(environment, rows)
            : OrtValue.strings(
                environment, strings, (batched ? row.withDim(0, rows) : row).dims())) {
      binding.bindInput(index, value);
    }
  }

  void setStrings(String[] values) {
    if (memory != null) {
      throw new IllegalStateException("input " + spec + " is not of type STRING; use its memory");
    }
    if (values.length != strings.length) {
      throw new IllegalArgumentException(
          "input '"
              + spec.name()
              + "' of shape "
              + row
              + " takes "
              + strings.length
              + " strings, but these are "
              + values.length);
    }
    strings = values.clone();
  }

  MemorySegment segment() {
    return fixed().segment();
  }

  long rowBytes() {
    return fixed().rowBytes();
  }

  private TensorMemory fixed() {
    if (memory == null) {
      throw new IllegalStateException(
          "input '" + spec.name() + "' is of type STRING and has no memory; use setStrings");
    }
    return memory;
  }

  @Override
  public void close() {
    if (memory != null) {
      memory.close();
    }
  }
}
