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
   * Copies rows into input {@code index}: those of the request's own shape, one after the other,
   * whether or not the batch's are larger. What is between them is filled when the request is
   * submitted, and so are masks that the package's padding names; whoever writes padded rows in
   * place, into {@link #input(int)}, begins each axis where the larger one begins.
   *
   * @param rows C order, little endian
   * @throws IllegalArgumentException where it has another size
   * @throws IllegalStateException as {@link #input(int)}
   */
  void write(int index, MemorySegment rows);

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

  /**
   * Takes an input from device memory that the caller holds, in place of the memory of {@link
   * #input(int)}: all rows of this request, C order, copied on the device when the batch runs. What
   * is there must be complete (the caller's own streams synchronized) before the request is
   * submitted, and stay until it has its answer, or ended without one; a submitted request can't be
   * cancelled meanwhile. Takes no heap memory once each buffer of the engine was used so.
   *
   * @param device a segment whose address is a {@code CUdeviceptr} of the device that serves
   * @throws IllegalArgumentException where it has another size than this request's rows, or is no
   *     memory of that device
   * @throws UnsupportedOperationException where the engine does not serve on a CUDA device
   * @throws IllegalStateException as {@link #input(int)}
   */
  default void deviceInput(int index, MemorySegment device) {
    throw new UnsupportedOperationException("these inputs are memory of the host");
  }

  /**
   * Puts an output into device memory that the caller holds, in place of the memory of {@link
   * Outputs#output(int)}, which then has nothing of use: all rows of this request, complete when it
   * has its answer.
   *
   * @param device as in {@link #deviceInput}
   * @throws IllegalArgumentException as {@link #deviceInput}
   * @throws UnsupportedOperationException as {@link #deviceInput}
   * @throws IllegalStateException as {@link #deviceInput}
   */
  default void deviceOutput(int index, MemorySegment device) {
    throw new UnsupportedOperationException("these inputs are memory of the host");
  }

  /** Sets the elements of an input of type STRING. Allocates. */
  void strings(int index, String... values);
}
