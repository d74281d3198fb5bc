package dev.sluice.engine;

import java.lang.foreign.MemorySegment;

/**
 * Where a caller writes the inputs of its rows, in place: memory of the batch buffer, C order,
 * little endian, valid until the request is submitted.
 *
 * <p>Thread safety: as the request it belongs to.
 */
public interface Inputs {
  /** Rows of the request. */
  int rows();

  /**
   * The memory of input {@code index} (in the order of the signature), all rows of this request.
   *
   * @throws IndexOutOfBoundsException where the model has no such input
   * @throws IllegalStateException where the request is not between claim and submit, or the input
   *     is of type STRING
   * @throws InferenceException where the request was abandoned
   */
  MemorySegment input(int index);

  /**
   * The memory of the input with this name; looking up by index is faster.
   *
   * @throws IllegalArgumentException naming the inputs that there are
   */
  MemorySegment input(String name);

  /**
   * Writes images into input {@code index}, for packages whose stage takes images. Allocates at its
   * first use only.
   *
   * @throws IndexOutOfBoundsException where the model has no such input
   * @throws IllegalArgumentException where the input does not take images
   */
  ImageRows image(int index);

  /**
   * Writes images into the input with this name; looking up by index is faster.
   *
   * @throws IllegalArgumentException where there is no such input, or it does not take images
   */
  ImageRows image(String name);

  /** Sets the elements of an input of type STRING. Allocates. */
  void strings(int index, String... values);
}
