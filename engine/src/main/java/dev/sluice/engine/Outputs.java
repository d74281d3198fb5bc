package dev.sluice.engine;

import java.lang.foreign.MemorySegment;

/**
 * Where a caller reads the outputs of its rows, in place: memory of the batch buffer, C order,
 * little endian, valid until the request is closed.
 *
 * <p>Thread safety: as the request it belongs to.
 */
public interface Outputs {
  /** Rows of the request. */
  int rows();

  /**
   * The memory of output {@code index} (in the order of the signature), all rows of this request.
   *
   * @throws IndexOutOfBoundsException where the model has no such output
   * @throws IllegalStateException where the request has no answer (yet), or the output is of type
   *     STRING
   */
  MemorySegment output(int index);

  /**
   * The memory of the output with this name; looking up by index is faster.
   *
   * @throws IllegalArgumentException naming the outputs that there are
   */
  MemorySegment output(String name);

  /**
   * Copies the rows of output {@code index}, as {@link #outputShape} has them: where the batch's
   * are larger, only what is the request's own.
   *
   * @param rows takes them, C order, little endian
   * @throws IllegalArgumentException where it has another size
   * @throws IllegalStateException as {@link #output(int)}
   */
  void read(int index, MemorySegment rows);

  /**
   * The shape of output {@code index} without padding; for a batched model axis 0 is the rows of
   * this request. {@link #output(int)} has rows of the batch's shape, larger where there is
   * padding.
   */
  Shape outputShape(int index);

  /** The elements of an output of type STRING. Allocates. */
  String[] strings(int index);
}
