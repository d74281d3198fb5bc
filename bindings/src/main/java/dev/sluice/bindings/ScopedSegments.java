package dev.sluice.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Segments over memory that something else owns.
 *
 * <p>Thread safety: any thread.
 */
public final class ScopedSegments {
  private ScopedSegments() {}

  /**
   * The same memory, accessible only while {@code arena} is open. Closing the arena does not free
   * it.
   */
  public static MemorySegment within(MemorySegment segment, Arena arena) {
    return segment.reinterpret(arena, null);
  }

  /**
   * Host memory that a native library gave, such as pinned memory. Its use after the library got it
   * back is not caught.
   *
   * @param address where it starts, as the library said
   * @param sizeBytes how much of it there is
   */
  public static MemorySegment ofLibrary(long address, long sizeBytes) {
    return MemorySegment.ofAddress(address).reinterpret(sizeBytes);
  }
}
