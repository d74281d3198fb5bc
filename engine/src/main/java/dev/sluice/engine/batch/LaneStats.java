package dev.sluice.engine.batch;

import java.util.EnumMap;
import java.util.Map;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;

/**
 * What was measured of a lane's batches, stage by stage. Recording allocates nothing.
 *
 * <p>Thread safety: {@link #record} by any thread, {@link #typicalRunNs} too; {@link #ran} by the
 * lane's holder.
 */
final class LaneStats {
  /** Two significant digits: 1 % of error. */
  private static final int DIGITS = 2;

  private static final long LARGEST = 3_600_000_000_000L;

  private final Map<Stage, Recorder> recorders = new EnumMap<>(Stage.class);
  private final Map<Stage, Histogram> totals = new EnumMap<>(Stage.class);

  /** Nanoseconds that a run takes of late: an average with a weight of 1/8 for the newest. */
  private volatile long typicalRunNs;

  LaneStats() {
    for (Stage stage : Stage.values()) {
      recorders.put(stage, new Recorder(LARGEST, DIGITS));
      totals.put(stage, new Histogram(DIGITS));
    }
  }

  void record(Stage stage, long value) {
    recorders.get(stage).recordValue(Math.clamp(value, 0, LARGEST));
  }

  /** Records a run. */
  void ran(long runNs, int rows) {
    record(Stage.RUN, runNs);
    record(Stage.ROWS, rows);
    long typical = typicalRunNs;
    typicalRunNs = typical == 0 ? runNs : typical + ((runNs - typical) >> 3);
  }

  long typicalRunNs() {
    return typicalRunNs;
  }

  /** Adds all that was recorded since the lane was opened. */
  synchronized void addTo(Map<Stage, Histogram> sums) {
    for (Stage stage : Stage.values()) {
      totals.get(stage).add(recorders.get(stage).getIntervalHistogram());
      sums.get(stage).add(totals.get(stage));
    }
  }
}
