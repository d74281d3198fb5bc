package dev.sluice.engine.cpu;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeMemory;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.MemorySegment;

/**
 * Memory for the rows of one input or output.
 *
 * <p>Thread safety: as {@link dev.sluice.engine.backend.BatchMemory} says.
 */
final class TensorMemory implements AutoCloseable {
  /** A cache line, and the widest vector register. */
  private static final long ALIGNMENT_BYTES = 64;

  private final ElementType type;
  private final Shape row;
  private final boolean batched;
  private final long rowBytes;
  private final NativeMemory memory;

  private TensorMemory(
      ElementType type, Shape row, boolean batched, long rowBytes, NativeMemory memory) {
    this.type = type;
    this.row = row;
    this.batched = batched;
    this.rowBytes = rowBytes;
    this.memory = memory;
  }

  /**
   * Allocates zeroed memory.
   *
   * @param spec name and type, not STRING
   * @param row the static shape of one row; for a batched tensor axis 0 is 1
   * @throws BackendException when there is no room, telling how much was asked for
   */
  static TensorMemory allocate(TensorSpec spec, Shape row, boolean batched, int rows)
      throws BackendException {
    long rowBytes;
    long bytes;
    try {
      rowBytes = spec.type().byteSize(row.elementCount());
      bytes = Math.multiplyExact(rowBytes, (long) rows);
    } catch (ArithmeticException e) {
      throw new BackendException(
          rows
              + " rows of '"
              + spec.name()
              + "' of shape "
              + row
              + " exceed 2^63 bytes;"
              + " use a smaller shape",
          e);
    }
    if (rows > 1 && rowBytes * 8 != row.elementCount() * spec.type().bits()) {
      throw new BackendException(
          "a row of '"
              + spec.name()
              + "' ("
              + spec.type()
              + row
              + ") does not end at a byte, so"
              + " rows can't share a batch; build the package with --no-batching",
          null);
    }
    try {
      NativeMemory memory = NativeMemory.allocate(spec.name(), bytes, ALIGNMENT_BYTES);
      return new TensorMemory(spec.type(), row, batched, rowBytes, memory);
    } catch (OutOfMemoryError | IllegalArgumentException e) {
      throw new BackendException(
          "no native memory left for "
              + rows
              + " rows of '"
              + spec.name()
              + "' ("
              + spec.type()
              + row
              + "): "
              + bytes
              + " bytes were asked for: "
              + e.getMessage()
              + "; lower the largest batch or the number of batch buffers, or raise"
              + " -XX:MaxDirectMemorySize",
          e);
    }
  }

  /** A value over the first {@code rows} rows; the caller closes it, and the memory after it. */
  OrtValue value(OrtEnvironment environment, int rows) {
    Shape shape = batched ? row.withDim(0, rows) : row;
    return OrtValue.tensor(environment, memory.segment(), type, shape.dims());
  }

  Shape row() {
    return row;
  }

  long rowBytes() {
    return rowBytes;
  }

  MemorySegment segment() {
    return memory.segment();
  }

  @Override
  public void close() {
    memory.close();
  }
}
