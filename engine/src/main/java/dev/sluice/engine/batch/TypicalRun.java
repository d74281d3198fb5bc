package dev.sluice.engine.batch;

/**
 * How long an engine's runs take of late, and which rounds are timed.
 *
 * <p>Thread safety: any thread; of two runs that end at once one may not count.
 */
final class TypicalRun {
  /**
   * Where a run takes less, one round in {@value #SAMPLE} is timed: four looks at the clock and as
   * many values are some 200 ns, which every run of a small model would pay.
   */
  private static final long SHORT_NS = 20_000;

  /** A power of two. */
  private static final int SAMPLE = 8;

  /** An average with a weight of 1/8 for the newest. */
  private volatile long ns;

  void took(long runNs) {
    long before = ns;
    ns = before == 0 ? runNs : before + ((runNs - before) >> 3);
  }

  /** 0 before the first run. */
  long ns() {
    return ns;
  }

  /** Whether this round of a batch is timed: the first is, and all where runs are long. */
  boolean times(long round) {
    long typical = ns;
    return typical == 0 || typical >= SHORT_NS || (round & (SAMPLE - 1)) == 1;
  }
}
