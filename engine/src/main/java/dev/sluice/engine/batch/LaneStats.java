package dev.sluice.engine.batch;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;
import org.HdrHistogram.AtomicHistogram;
import org.HdrHistogram.Histogram;

/**
 * What was measured of the batches of some lanes, stage by stage. Recording allocates nothing.
 *
 * <p>Thread safety: any thread.
 */
final class LaneStats {
  /**
   * Where a run takes less, one round in {@value #SAMPLE} is timed: four looks at the clock and as
   * many values are some 200 ns, which every run of a small model would pay.
   */
  static final long SHORT_RUN_NS = 20_000;

  /** Rounds of a batch of which one is timed where runs are short; a power of two. */
  static final int SAMPLE = 8;

  /** Two significant digits: 1 % of error. */
  private static final int DIGITS = 2;

  private static final long LARGEST = 3_600_000_000_000L;

  private final Map<Stage, AtomicHistogram> stages = new EnumMap<>(Stage.class);

  /** Runs by their rows. */
  private final AtomicLongArray runs;

  /** Nanoseconds that a run takes of late: an average with a weight of 1/8 for the newest. */
  private volatile long typicalRunNs;

  LaneStats(int maxRows) {
    for (Stage stage : Stage.values()) {
      stages.put(stage, new AtomicHistogram(LARGEST, DIGITS));
    }
    runs = new AtomicLongArray(maxRows + 1);
  }

  void record(Stage stage, long value) {
    stages.get(stage).recordValue(Math.clamp(value, 0, LARGEST));
  }

  /** Counts a run. */
  void ran(int rows) {
    runs.getAndIncrement(rows);
  }

  /** Records a run that was timed. */
  void took(long runNs) {
    record(Stage.RUN, runNs);
    long typical = typicalRunNs;
    typicalRunNs = typical == 0 ? runNs : typical + ((runNs - typical) >> 3);
  }

  /** 0 before the first run. */
  long typicalRunNs() {
    return typicalRunNs;
  }

  /** Whether this round of a batch is timed: the first is, and all where runs are long. */
  boolean times(long round) {
    long typical = typicalRunNs;
    return typical == 0 || typical >= SHORT_RUN_NS || (round & (SAMPLE - 1)) == 1;
  }

  /** Adds all that was recorded since the lanes were opened. */
  void addTo(Map<Stage, Histogram> sums, long[] runsByRows) {
    stages.forEach((stage, values) -> sums.get(stage).add(values));
    for (int rows = 0; rows < runs.length(); rows++) {
      runsByRows[rows] += runs.get(rows);
    }
  }
}
