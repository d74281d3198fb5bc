package dev.sluice.engine.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Pinned memory of the host. Belongs to its caller, who takes and closes it as often as needed.
 *
 * <p>Thread safety: any thread may look; take and close one after the other. A use of the segment
 * after close is not caught.
 */
public final class PinnedLease implements AutoCloseable {
  private final PinnedPool pool;
  private final String label;

  /** Not null while it is taken. */
  volatile Block block;

  MemorySegment segment;

  /** With {@code sluice.checked=true} what the segment lives in; else null. */
  Arena scope;

  long sizeBytes;
  PinnedLease older;
  PinnedLease newer;

  PinnedLease(PinnedPool pool, String label) {
    this.pool = pool;
    this.label = Objects.requireNonNull(label, "label");
  }

  /**
   * Takes memory that no device uses. What it holds is not defined.
   *
   * @param bytes 0 to 2^42
   * @return this
   * @throws IllegalStateException where this is taken already or the pool is closed
   * @throws MemoryExhaustedException where there is no memory left
   */
  public PinnedLease take(long bytes) {
    pool.take(this, bytes);
    return this;
  }

  /**
   * The memory, at least as large as it was asked for, at a multiple of 256.
   *
   * @throws IllegalStateException where it is not taken
   */
  public MemorySegment segment() {
    MemorySegment held = segment;
    if (block == null || held == null) {
      throw new IllegalStateException(this + " is not taken; take it before use");
    }
    return held;
  }

  /** The address; see {@link #segment}. */
  public long address() {
    Block held = block;
    if (held == null) {
      throw new IllegalStateException(this + " is not taken; take it before use");
    }
    return held.address;
  }

  String label() {
    return label;
  }

  /** Gives memory back that no stream uses any more. Closing twice does nothing. */
  @Override
  public void close() {
    pool.release(this, 0, false);
  }

  /**
   * Gives memory back that a stream uses until it has come to here.
   *
   * @param stream a {@code CUstream} of the pool's context that is not capturing
   */
  public void closeAfter(long stream) {
    pool.release(this, stream, true);
  }

  @Override
  public String toString() {
    return "the lease '" + label + "' of " + pool;
  }
}
