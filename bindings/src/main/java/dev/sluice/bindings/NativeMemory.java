package dev.sluice.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A block of native memory that closes once and is counted by the {@link HandleLedger}.
 *
 * <p>Thread safety: the block may be used by any thread; {@link #close} only when nobody does. A
 * use through the segment after close throws; one through its address is not caught.
 */
public final class NativeMemory implements AutoCloseable {
  private final MemorySegment segment;
  private final NativeHandle handle;

  private NativeMemory(MemorySegment segment, NativeHandle handle) {
    this.segment = segment;
    this.handle = handle;
  }

  /**
   * Allocates a zeroed block.
   *
   * @param label what it is for, in messages
   * @param sizeBytes its size; 0 gives an empty segment that still has an address
   * @param alignmentBytes a power of two
   * @throws OutOfMemoryError when the system, or the limit that {@code -XX:MaxDirectMemorySize}
   *     sets, has no room
   */
  @SuppressWarnings("MustBeClosedChecker") // closed by the handle
  public static NativeMemory allocate(String label, long sizeBytes, long alignmentBytes) {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment block = arena.allocate(Math.max(sizeBytes, 1), alignmentBytes);
      NativeHandle handle =
          NativeHandle.own("NativeMemory", label, block.address(), address -> arena.close());
      return new NativeMemory(block.asSlice(0, sizeBytes), handle);
    } catch (RuntimeException | OutOfMemoryError e) {
      arena.close();
      throw e;
    }
  }

  /**
   * The block.
   *
   * @throws IllegalStateException after close
   */
  public MemorySegment segment() {
    handle.raw();
    return segment;
  }

  @Override
  public void close() {
    handle.close();
  }

  @Override
  public String toString() {
    return handle + ", " + segment.byteSize() + " bytes";
  }
}
