package dev.sluice.engine;

import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramIterationValue;

/**
 * What an engine measured since it was opened, stage by stage.
 *
 * <p>Thread safety: immutable.
 *
 * @param queueNs nanoseconds from the claim of a batch's first row to its run, one value a batch
 * @param runNs nanoseconds of a run in the backend, one value a batch
 * @param batchRows rows of a run
 * @param runsByRows number of runs by their rows; exact up to 255 rows, to 1 % above
 * @param refused refused claims by reason; reasons that did not occur are left out
 * @param quarantined batch buffers that late callers hold now
 * @param usableLanes lanes that can run batches now
 */
public record EngineStats(
    Distribution queueNs,
    Distribution runNs,
    Distribution batchRows,
    SortedMap<Integer, Long> runsByRows,
    Map<Admission, Long> refused,
    int quarantined,
    int usableLanes) {

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
  }

  static SortedMap<Integer, Long> counts(Histogram rows) {
    SortedMap<Integer, Long> counts = new TreeMap<>();
    for (HistogramIterationValue value : rows.recordedValues()) {
      counts.put((int) value.getValueIteratedTo(), value.getCountAtValueIteratedTo());
    }
    return Collections.unmodifiableSortedMap(counts);
  }

  /** Rows that were run, to the histogram's precision. */
  public long rows() {
    return Math.round(batchRows.mean() * batchRows.count());
  }
}
