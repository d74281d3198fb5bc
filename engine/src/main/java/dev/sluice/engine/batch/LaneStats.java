package dev.sluice.engine.batch;

import org.HdrHistogram.Histogram;
import org.HdrHistogram.SingleWriterRecorder;

/**
 * What one lane measured, a few numbers per batch: the wait of its oldest row, the run, the rows.
 * Recording allocates nothing.
 *
 * <p>Thread safety: {@link #record} by the lane's holder, {@link #addTo} by any one thread at a
 * time.
 */
final class LaneStats {
  /** Two significant digits: 1 % of error. */
  private static final int DIGITS = 2;

  private static final long LONGEST_NS = 3_600_000_000_000L;

  private final SingleWriterRecorder queueNs = new SingleWriterRecorder(LONGEST_NS, DIGITS);
  private final SingleWriterRecorder runNs = new SingleWriterRecorder(LONGEST_NS, DIGITS);
  private final SingleWriterRecorder rows = new SingleWriterRecorder(Batch.MAX_ROWS, DIGITS);
  private final Histogram totalQueueNs = new Histogram(DIGITS);
  private final Histogram totalRunNs = new Histogram(DIGITS);
  private final Histogram totalRows = new Histogram(DIGITS);
  private Histogram spareQueueNs;
  private Histogram spareRunNs;
  private Histogram spareRows;

  /** Nanoseconds that a run takes of late: an average with a weight of 1/8 for the newest. */
  private volatile long typicalRunNs;

  void record(long waitedNs, long ranNs, int ranRows) {
    queueNs.recordValue(Math.clamp(waitedNs, 0, LONGEST_NS));
    runNs.recordValue(Math.clamp(ranNs, 0, LONGEST_NS));
    rows.recordValue(ranRows);
    long typical = typicalRunNs;
    typicalRunNs = typical == 0 ? ranNs : typical + ((ranNs - typical) >> 3);
  }

  long typicalRunNs() {
    return typicalRunNs;
  }

  private void drain() {
    spareQueueNs = queueNs.getIntervalHistogram(spareQueueNs);
    totalQueueNs.add(spareQueueNs);
    spareRunNs = runNs.getIntervalHistogram(spareRunNs);
    totalRunNs.add(spareRunNs);
    spareRows = rows.getIntervalHistogram(spareRows);
    totalRows.add(spareRows);
  }

  /** Adds all that was recorded since the lane was opened. */
  synchronized void addTo(Histogram queue, Histogram run, Histogram batchRows) {
    drain();
    queue.add(totalQueueNs);
    run.add(totalRunNs);
    batchRows.add(totalRows);
  }
}
