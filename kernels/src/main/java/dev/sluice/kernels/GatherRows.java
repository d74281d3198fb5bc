package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;

/**
 * {@code gather_rows}: rows of bytes that lie anywhere, one after the other into one buffer: the
 * batch of requests that live in several. Rows and buffer may lie at any address; of a row no byte
 * is read beside its own. Short rows share a block.
 *
 * <p>Thread safety: stateless.
 */
public final class GatherRows {
  /** Bytes of a row that a thread moves at a time: four words of 16 bytes. */
  private static final int THREAD_BYTES = 64;

  /** The fewest threads of a row: the bytes beside its whole words take up to two steps of them. */
  private static final int LEAST_GROUP = 16;

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
    Elements.requireAligned(rows, ElementType.INT64, "rows");
    call.start(Kernel.GATHER_ROWS).add(rows).add(target).add(count).add(rowBytes);
    int group = LEAST_GROUP;
    while (group < call.block() && (long) group * THREAD_BYTES < rowBytes) {
      group *= 2;
    }
    int together = call.block() / group;
    call.add(group).threads(rowBytes / THREAD_BYTES + 1).rows(Math.ceilDiv(count, together));
  }

  /** One row in Java. */
  public static void reference(MemorySegment row, MemorySegment target, long index, long rowBytes) {
    MemorySegment.copy(row, 0, target, index * rowBytes, rowBytes);
  }
}
