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
  /** Two significant digits: 1 % of error. */
  private static final int DIGITS = 2;

  private static final long LARGEST = 3_600_000_000_000L;

  private final Map<Stage, AtomicHistogram> stages = new EnumMap<>(Stage.class);

  /** Runs by their rows. */
  private final AtomicLongArray runs;

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

  /** Adds all that was recorded since the lanes were opened. */
  void addTo(Map<Stage, Histogram> sums, long[] runsByRows) {
    stages.forEach((stage, values) -> sums.get(stage).add(values));
    for (int rows = 0; rows < runs.length(); rows++) {
      runsByRows[rows] += runs.get(rows);
    }
  }
}
