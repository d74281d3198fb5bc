package dev.sluice.converter.load;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.IntToLongFunction;

/**
 * Has each run of a {@link TripleBackend} last as long as a pattern says, and notes when it really
 * began and ended.
 *
 * <p>Thread safety: synchronized; for an engine of one lane.
 */
final class TimedRuns implements TripleBackend.Fault {
  /** A run, by {@link System#nanoTime}; the request's caller sent it before, and gets it after. */
  record Run(long startNs, long endNs, int rows) {
    long tookNs() {
      return endNs - startNs;
    }
  }

  private final IntToLongFunction millisOfRun;
  private final List<Run> runs = new ArrayList<>();

  /**
   * A pattern.
   *
   * @param millisOfRun how long the run of a number takes, from 0 on
   */
  TimedRuns(IntToLongFunction millisOfRun) {
    this.millisOfRun = millisOfRun;
  }

  @Override
  public synchronized void before(MemorySegment answers, int rows) {
    long startNs = System.nanoTime();
    long millis = millisOfRun.applyAsLong(runs.size());
    if (millis > 0) {
      try {
        TimeUnit.MILLISECONDS.sleep(millis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    runs.add(new Run(startNs, System.nanoTime(), rows));
  }

  /** The runs so far. */
  synchronized List<Run> runs() {
    return List.copyOf(runs);
  }
}
