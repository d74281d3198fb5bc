package dev.sluice.kernels;

import java.lang.foreign.MemorySegment;

/** Something that runs kernels: a GPU, or the host in its stead. */
interface KernelMachine extends AutoCloseable {
  /**
   * Copies bytes to a place of the machine's, at a multiple of 256 and some bytes more.
   *
   * @param guard how many bytes at both ends no kernel may touch
   */
  long place(MemorySegment bytes, int offset, int guard);

  /** Runs a kernel to its end. */
  void run(KernelCall call);

  /** Copies bytes back. */
  void fetch(long address, MemorySegment into);

  /** Frees all places. */
  void clear();

  @Override
  void close();
}
