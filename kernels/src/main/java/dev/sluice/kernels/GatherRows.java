package dev.sluice.kernels;

import java.lang.foreign.MemorySegment;

/**
 * {@code gather_rows}: rows of bytes that lie anywhere, one after the other into one buffer: the
 * batch of requests that live in several. Rows and buffer may lie at any address.
 *
 * <p>Thread safety: stateless.
 */
public final class GatherRows {
  private GatherRows() {}

  /**
   * Prepares a launch.
   *
   * @param rows address, on the device, of {@code count} addresses
   * @param target address of count * rowBytes bytes; no row may overlap it
   */
  public static void prepare(KernelCall call, long rows, long target, long count, long rowBytes) {
    Elements.requireCount(count, "count");
    Elements.requireCount(rowBytes, "rowBytes");
    call.start(Kernel.GATHER_ROWS).add(rows).add(target).add(count).add(rowBytes);
    call.threads(rowBytes / 64 + 1).rows(count);
  }

  /** One row in Java. */
  public static void reference(MemorySegment row, MemorySegment target, long index, long rowBytes) {
    MemorySegment.copy(row, 0, target, index * rowBytes, rowBytes);
  }
}
