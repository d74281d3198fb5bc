package dev.sluice.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Ties memory that lives longer to a shorter scope, so that use after that scope throws.
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
}
