package dev.sluice.converter.load;

import java.util.OptionalDouble;
import java.util.SortedMap;

/**
 * What a load measured.
 *
 * <p>Thread safety: immutable.
 *
 * @param plan what was asked for
 * @param rowsPerRequest rows of each request
 * @param rows rows that were answered in the time that was measured
 * @param seconds that time
 * @param latencyUs microseconds from the start of a request to its answer
 * @param batches runs of the backend in that time, by their rows
 * @param allocatedBytesPerInference bytes of heap that a caller allocated per request; empty for
 *     virtual callers, whose allocation the JDK does not count
 * @param rejected requests that the engine did not admit
 * @param errors requests that failed or got a wrong answer
 * @param firstError the first of them in words, or null
 * @param notSent requests of an open loop that were due but found no caller in time
 */
public record LoadReport(
    LoadPlan plan,
    int rowsPerRequest,
    long rows,
    double seconds,
    Latency latencyUs,
    SortedMap<Integer, Long> batches,
    OptionalDouble allocatedBytesPerInference,
    long rejected,
    long errors,
    String firstError,
    long notSent) {
  /**
   * Percentiles in microseconds, exact to 1 %.
   *
   * @param p50 the median
   * @param p90 90 % are at most this
   * @param p99 99 % are at most this
   * @param p999 99.9 % are at most this
   * @param max the longest
   */
  public record Latency(double p50, double p90, double p99, double p999, double max) {}

  /** Rows answered per second. */
  public double throughputPerS() {
    return rows / seconds;
  }

  /** Mean number of rows of a run; 0 where there was none. */
  public double meanBatch() {
    double runs = 0;
    double all = 0;
    for (var entry : batches.entrySet()) {
      runs += entry.getValue();
      all += (double) entry.getKey() * entry.getValue();
    }
    return runs == 0 ? 0 : all / runs;
  }
}
