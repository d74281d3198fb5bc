package dev.sluice.bench.peers;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;

/**
 * A caller that has the peer for itself.
 *
 * <p>Thread safety: stateless.
 */
final class LoneCaller {
  /** Requests between two looks at the clock take at least this, so that looking costs nothing. */
  private static final long BLOCK_NS = 20_000;

  private static final long WARM_UP_NS = 5_000_000;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private LoneCaller() {}

  /**
   * Asks on this thread for a while.
   *
   * @return microseconds of a request, the median of blocks, and bytes of heap that each allocated,
   *     not a number where this thread is virtual
   */
  static String run(Asker caller, long durationNs) throws Exception {
    long callNs = warmUp(caller);
    int block = (int) Math.max(1, BLOCK_NS / callNs);
    double[] blocks = new double[(int) Math.max(1, 4 * durationNs / (block * callNs))];
    int count = 0;
    long allocated = THREADS.getCurrentThreadAllocatedBytes();
    long fromNs = System.nanoTime();
    long nowNs = fromNs;
    while (nowNs - fromNs < durationNs && count < blocks.length) {
      for (int i = 0; i < block; i++) {
        caller.ask();
      }
      long doneNs = System.nanoTime();
      blocks[count++] = (double) (doneNs - nowNs) / block;
      nowNs = doneNs;
    }
    allocated = THREADS.getCurrentThreadAllocatedBytes() - allocated;
    Arrays.sort(blocks, 0, count);
    boolean counted = !Thread.currentThread().isVirtual();
    return String.format(
        Locale.ROOT,
        "%.4f %.2f",
        blocks[count / 2] / 1e3,
        counted ? (double) allocated / count / block : Double.NaN);
  }

  /** Nanoseconds of the fastest of some requests. */
  private static long warmUp(Asker caller) throws Exception {
    long fastestNs = Long.MAX_VALUE;
    long startNs = System.nanoTime();
    long nowNs = startNs;
    while (nowNs - startNs < WARM_UP_NS) {
      long beforeNs = nowNs;
      caller.ask();
      nowNs = System.nanoTime();
      fastestNs = Math.min(fastestNs, nowNs - beforeNs);
    }
    return Math.max(1, fastestNs);
  }
}
