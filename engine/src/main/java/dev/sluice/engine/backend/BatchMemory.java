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

  /** The elements of a STRING output after a run. Allocates. */
  String[] strings(int index);

  /** Frees the memory. */
  @Override
  void close();
}
