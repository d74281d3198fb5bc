package dev.sluice.engine.batch;

/**
 * Lets the threads go first that wait for the calling one's core, where they are likely to be
 * callers that bring rows: then the core is its own again within microseconds. Where strangers keep
 * the core for as long as the system lets them, that is seen by the time it took, and not done
 * again for a while: twice as long with each time in a row. Virtual threads take turns without any
 * such slices, so they always do it.
 *
 * <p>Thread safety: any thread. Counts are racy by design: what is lost is a hint.
 */
final class Courtesy {
  /** Longer than callers need that read an answer and claim anew: a scheduler's slice. */
  private static final long DEAR_NS = 1_000_000;

  private static final int LONGEST = 1024;

  private volatile int left;
  private volatile int last;

  /**
   * Yields.
   *
   * @return whether others had the core for a short time, if at all; false where it was a long one,
   *     or it was not tried
   */
  @SuppressWarnings("ThreadPriorityCheck") // a hint is all that is wanted
  boolean yields(NanoClock clock) {
    if (Thread.currentThread().isVirtual()) {
      Thread.yield();
      return true;
    }
    int skip = left;
    if (skip > 0) {
      left = skip - 1;
      return false;
    }
    long beforeNs = clock.nanoTime();
    Thread.yield();
    if (clock.nanoTime() - beforeNs < DEAR_NS) {
      if (last != 0) {
        last = 0;
      }
      return true;
    }
    last = Math.clamp(2L * last, 1, LONGEST);
    left = last;
    return false;
  }
}
