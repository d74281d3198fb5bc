package dev.sluice.engine.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Pinned memory of the host. Belongs to its caller, who takes and closes it as often as needed.
 *
 * <p>Thread safety: any thread may look; take and close one after the other. A use of the segment
 * after close is caught with {@code sluice.checked=true} only.
 */
public final class PinnedLease extends Lease implements AutoCloseable {
  private final PinnedPool pool;

  MemorySegment segment;

  /** With {@code sluice.checked=true} what the segment lives in; else null. */
  Arena scope;

  PinnedLease(PinnedPool pool, String label) {
    super(pool, label);
    this.pool = pool;
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
    held();
    return segment;
  }

  /** The address; see {@link #segment}. */
  public long address() {
    return held().address;
  }

  /**
   * Gives memory back that no stream uses any more. Closing twice does nothing.
   *
   * @throws IllegalStateException with {@code sluice.checked=true} where a call still reads or
   *     writes the segment; the lease stays taken
   */
  @Override
  public void close() {
    pool.release(this);
  }

  /**
   * Gives memory back that a stream uses until it has come to here. Closing twice does nothing.
   *
   * @param stream a {@code CUstream} of the pool's context, not {@code CU_STREAM_PER_THREAD}
   * @throws IllegalStateException where the stream is capturing: a graph would use the memory each
   *     time that it is launched; the lease stays taken. See {@link #close}, too
   */
  public void closeAfter(long stream) {
    pool.releaseAfter(this, stream);
  }
}
