package dev.sluice.bindings.sim;

import java.lang.foreign.MemorySegment;

/**
 * One launch of a {@link SimulatedKernel}, as the kernel sees it.
 *
 * <p>Thread safety: for the thread that runs the kernel.
 */
public interface KernelLaunch {
  /** Blocks in x. */
  int gridX();

  /** Blocks in y. */
  int gridY();

  /** Blocks in z. */
  int gridZ();

  /** Threads of a block in x. */
  int blockX();

  /** Threads of a block in y. */
  int blockY();

  /** Threads of a block in z. */
  int blockZ();

  /** Bytes of dynamic shared memory. */
  int sharedBytes();

  /** An argument of 4 bytes. */
  int intArgument(int index);

  /** An argument of 4 bytes. */
  float floatArgument(int index);

  /** An argument of 8 bytes: a number or an address. */
  long longArgument(int index);

  /** The bytes of an argument of any size. */
  MemorySegment argument(int index);

  /**
   * Memory of the device that the kernel writes, and may read. An access that this refuses makes
   * the launch fail late, as on a device: with CUDA_ERROR_ILLEGAL_ADDRESS, and the context is lost.
   *
   * @param address a {@code CUdeviceptr}, or pinned host memory
   * @param sizeBytes how many bytes from there; all of them must lie in one live allocation
   */
  MemorySegment device(long address, long sizeBytes);

  /** The same for memory that the kernel only reads; the segment is read-only. */
  MemorySegment deviceInput(long address, long sizeBytes);
}
