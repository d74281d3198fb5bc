package dev.sluice.engine;

import java.util.Map;
import org.HdrHistogram.Histogram;

/**
 * What an engine measured since it was opened, stage by stage.
 *
 * <p>Thread safety: immutable.
 *
 * @param queueNs nanoseconds from the claim of a batch's first row to its run, one value a batch
 * @param runNs nanoseconds of a run in the backend, one value a batch
 * @param batchRows rows of a run
 * @param refused refused claims by reason; reasons that did not occur are left out
 * @param quarantined batch buffers that late callers hold now
 * @param usableLanes lanes that can run batches now
 */
public record EngineStats(
    Distribution queueNs,
    Distribution runNs,
    Distribution batchRows,
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

  /** Rows that were run, to the histogram's precision. */
  public long rows() {
    return Math.round(batchRows.mean() * batchRows.count());
  }
}
