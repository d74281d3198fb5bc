package dev.sluice.engine.plan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The bytes of a plan, mapped from a package or from the user's cache.
 *
 * <p>Thread safety: immutable; {@link #close} is called once nobody uses {@link #data} any more.
 */
public final class Plan implements AutoCloseable {
  private final PlanKey key;
  private final String origin;
  private final MemorySegment data;
  private final Arena arena;

  Plan(PlanKey key, String origin, MemorySegment data, Arena arena) {
    this.key = key;
    this.origin = origin;
    this.data = data;
    this.arena = arena;
  }

  /** What it was built of and for. */
  public PlanKey key() {
    return key;
  }

  /** Where it comes from, for people: the file, and the entry in it. */
  public String origin() {
    return origin;
  }

  /** The bytes, read-only; of a plan in a package they are valid until that is closed. */
  public MemorySegment data() {
    return data;
  }

  /** Unmaps it, where it was mapped for this. */
  @Override
  public void close() {
    if (arena != null && arena.scope().isAlive()) {
      arena.close();
    }
  }
}
