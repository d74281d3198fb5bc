package dev.sluice.engine.cpu;

import dev.sluice.bindings.NativeException;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;

/**
 * Runs batches on the shared session; owns nothing, since bindings belong to the memory.
 *
 * <p>Thread safety: as {@link Lane} says.
 */
final class CpuLane implements Lane {
  private final CpuBackend backend;
  private final int index;
  private boolean closed;

  CpuLane(CpuBackend backend, int index) {
    this.backend = backend;
    this.index = index;
  }

  @Override
  public void run(BatchMemory memory, int rows) throws BackendException {
    if (closed) {
      throw new IllegalStateException("cpu lane " + index + " is closed; open another");
    }
    if (!(memory instanceof CpuBatchMemory own) || own.backend() != backend) {
      throw new IllegalArgumentException("this memory is not of " + backend);
    }
    if (rows < 1 || rows > own.maxRows()) {
      throw new IllegalArgumentException(
          rows + " rows, but this memory takes 1 to " + own.maxRows());
    }
    try {
      own.run(rows);
    } catch (NativeException e) {
      throw new BackendException(
          "cpu lane "
              + index
              + ", "
              + rows
              + " rows of "
              + own.key().inputs()
              + ": "
              + e.getMessage(),
          e);
    }
  }

  @Override
  public void close() {
    closed = true;
  }

  @Override
  public String toString() {
    return "cpu lane " + index;
  }
}
