package dev.sluice.bench.peers;

import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/**
 * What a caller of a load got, and when.
 *
 * <p>Rows are counted whole: whoever has asked gets an answer and is counted, and the time runs
 * from the start of all to the last answer of all. To count what is answered within a turn instead
 * would favour peers that take requests one after another: at the end of a turn, these have few in
 * work, and those that share the cores have all of them half done, for nothing.
 *
 * <p>Thread safety: written by one thread, read by others when that has ended.
 */
final class Tally {
  private static final long LONGEST_NS = 60_000_000_000L;
  private static final int DIGITS = 2;

  private final Histogram latencyNs = new Histogram(LONGEST_NS, DIGITS);
  private long answered;
  private long lastNs;
  private long unanswered;
  private long heapBytes;
  private long heapRequests;

  /**
   * Counts an answer.
   *
   * @param sinceNs when the caller wanted it first
   */
  void answered(long sinceNs, long doneNs) {
    latencyNs.recordValue(Math.clamp(doneNs - sinceNs, 0, LONGEST_NS));
    answered++;
    lastNs = doneNs;
  }

  /** Counts a request that was not sent: its latency is what it waited until now, or more. */
  void unanswered(long sinceNs, long nowNs) {
    latencyNs.recordValue(Math.clamp(nowNs - sinceNs, 0, LONGEST_NS));
    unanswered++;
  }

  /** Notes what the caller's thread allocated in a number of requests. */
  void allocated(long bytes, long requests) {
    heapBytes = bytes;
    heapRequests = requests;
  }

  /**
   * Rows per second; microseconds of a request, the median and the 99th percentile; bytes of heap
   * of a request, not a number where they were not counted; requests that were not sent.
   *
   * @param startNs of all
   */
  static String line(List<Tally> tallies, long startNs) {
    Histogram all = new Histogram(LONGEST_NS, DIGITS);
    long answered = 0;
    long longestNs = 1;
    long unanswered = 0;
    long heapBytes = 0;
    long heapRequests = 0;
    for (Tally each : tallies) {
      all.add(each.latencyNs);
      answered += each.answered;
      longestNs = each.answered == 0 ? longestNs : Math.max(longestNs, each.lastNs - startNs);
      unanswered += each.unanswered;
      heapBytes += each.heapBytes;
      heapRequests += each.heapRequests;
    }
    return String.format(
        Locale.ROOT,
        "%.3f %.3f %.3f %.2f %d",
        answered / (longestNs / 1e9),
        all.getValueAtPercentile(50) / 1e3,
        all.getValueAtPercentile(99) / 1e3,
        heapRequests == 0 ? Double.NaN : (double) heapBytes / heapRequests,
        unanswered);
  }
}
