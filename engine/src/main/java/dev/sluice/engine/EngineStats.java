package dev.sluice.engine;

import dev.sluice.engine.backend.DeviceStats;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.HdrHistogram.Histogram;

/**
 * What an engine measured since it was opened, stage by stage, one value a batch. Where a run takes
 * less than 20 us, one batch in eight is timed; runs and rows are counted all the same.
 *
 * <p>Thread safety: immutable.
 *
 * @param writeNs nanoseconds from the claim to the submit of a batch's first request
 * @param waitNs nanoseconds from that submit to the run
 * @param runNs nanoseconds of a run in the backend, stages included
 * @param preNs nanoseconds of a run that the stages before the model took; empty without stages,
 *     and on a GPU, where they are not told apart from the model
 * @param postNs the same of the stages after the model
 * @param deviceNs nanoseconds that the device worked on a run, copies from and to the host left
 *     out; empty unless {@code CudaOptions.timed}
 * @param readNs nanoseconds from the end of the run to the close of the batch's last request
 * @param batchRows rows of a run
 * @param runsByRows number of runs by their rows, each counted
 * @param refused refused claims by reason; reasons that did not occur are left out
 * @param quarantined batch buffers that late callers hold now
 * @param usableLanes lanes that can run batches now
 * @param device what the backend holds on its device; empty on the CPU
 */
public record EngineStats(
    Distribution writeNs,
    Distribution waitNs,
    Distribution runNs,
    Distribution preNs,
    Distribution postNs,
    Distribution deviceNs,
    Distribution readNs,
    Distribution batchRows,
    SortedMap<Integer, Long> runsByRows,
    Map<Admission, Long> refused,
    int quarantined,
    int usableLanes,
    Optional<DeviceStats> device) {

  /**
   * Percentiles of what was counted, exact to 1 %.
   *
   * @param count number of values
   * @param mean their mean
   * @param p50 the median
   * @param p90 90 % are at most this
   * @param p99 99 % are at most this
   * @param max the largest
   */
  public record Distribution(long count, double mean, long p50, long p90, long p99, long max) {
    static Distribution of(Histogram h) {
      return new Distribution(
          h.getTotalCount(),
          h.getMean(),
          h.getValueAtPercentile(50),
          h.getValueAtPercentile(90),
          h.getValueAtPercentile(99),
          h.getMaxValue());
    }

    static Distribution ofRows(long[] runsByRows) {
      Histogram rows = new Histogram(3);
      for (int i = 0; i < runsByRows.length; i++) {
        if (runsByRows[i] > 0) {
          rows.recordValueWithCount(i, runsByRows[i]);
        }
      }
      return of(rows);
    }
  }

  static SortedMap<Integer, Long> counts(long[] runsByRows) {
    SortedMap<Integer, Long> counts = new TreeMap<>();
    for (int rows = 0; rows < runsByRows.length; rows++) {
      if (runsByRows[rows] > 0) {
        counts.put(rows, runsByRows[rows]);
      }
    }
    return Collections.unmodifiableSortedMap(counts);
  }

  /** Rows that were run. */
  public long rows() {
    return runsByRows.entrySet().stream().mapToLong(runs -> runs.getKey() * runs.getValue()).sum();
  }
}
