package dev.sluice.engine.backend;

import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;

/**
 * Input and output memory of one batch buffer. Row {@code r} of a tensor starts at byte {@code r *
 * rowBytes}.
 *
 * <p>Where a model's output shapes depend on its data or its element type is STRING, the memory of
 * that output is known only after a run ({@link #fixedOutputs} is false); such a memory has one
 * row.
 *
 * <p>Thread safety: rows are disjoint, so threads may write different rows at once; {@link #close}
 * only when nobody uses the memory.
 */
public interface BatchMemory extends AutoCloseable {
  /** The shape that the memory was allocated for. */
  ShapeKey key();

  /** Most rows of one run. */
  int maxRows();

  /**
   * All rows of input {@code index}, outermost first, C order, little endian, aligned to 64 bytes.
   *
   * @throws IllegalStateException when the input is of type STRING
   */
  MemorySegment input(int index);

  /** Bytes of one row of input {@code index}. */
  long inputRowBytes(int index);

  /** Whether the size of every output is known before the run. */
  boolean fixedOutputs();

  /**
   * All rows of output {@code index}; without {@link #fixedOutputs} valid after a run, until the
   * next one.
   *
   * @throws IllegalStateException when the output is of type STRING
   */
  MemorySegment output(int index);

  /** Bytes of one row of output {@code index}; without {@link #fixedOutputs} as of the last run. */
  long outputRowBytes(int index);

  /**
   * The shape of output {@code index} for one row: as the model gives it for an unbatched memory,
   * with a batch axis of 1 for a batched one.
   */
  Shape outputShape(int index);

  /**
   * Sets the elements of a STRING input. Allocates.
   *
   * @throws IllegalStateException when the input is of another type
   * @throws IllegalArgumentException when the number of elements does not fit the shape
   */
  void setStrings(int index, String[] values);

  /**
   * Has the next run take rows of an input from device memory that a caller holds, in place of
   * those in {@link #input}. The memory holds them already, and stays as it is until the run ends.
   *
   * @param row the first row
   * @param rows how many
   * @param device a segment whose address is a {@code CUdeviceptr} of the backend's device, of
   *     {@code rows} rows; its bytes can't be touched from Java
   * @throws IllegalArgumentException where it is of another size, or not memory of the device
   * @throws UnsupportedOperationException where the backend is not on a CUDA device
   */
  default void deviceInput(int index, int row, int rows, MemorySegment device) {
    throw new UnsupportedOperationException(
        "this backend takes inputs from the host's memory only; open the engine on a CUDA device");
  }

  /**
   * Has the next run put rows of an output into device memory that a caller holds, in place of
   * those in {@link #output}. See {@link #deviceInput}.
   *
   * @throws IllegalArgumentException where it is of another size, or not memory of the device
   * @throws UnsupportedOperationException where the backend is not on a CUDA device
   */
  default void deviceOutput(int index, int row, int rows, MemorySegment device) {
    throw new UnsupportedOperationException(
        "this backend puts outputs into the host's memory only; open the engine on a CUDA device");
  }

  /** Forgets what {@link #deviceInput} and {@link #deviceOutput} said. */
  default void forgetDeviceRows() {}

  /** The same of {@code rows} rows from {@code row} on, whose owner is gone: before a run. */
  default void forgetDeviceRows(int row, int rows) {}

  /** The elements of a STRING output after a run. Allocates. */
  String[] strings(int index);

  /** Frees the memory. */
  @Override
  void close();
}
