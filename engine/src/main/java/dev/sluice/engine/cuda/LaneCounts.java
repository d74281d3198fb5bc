package dev.sluice.engine.cuda;

import dev.sluice.engine.backend.DeviceStats;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the lanes of a backend did and hold.
 *
 * <p>Thread safety: any thread.
 */
final class LaneCounts {
  private static final System.Logger LOG = System.getLogger(LaneCounts.class.getName());

  /** More reasons than that tell nothing new. */
  private static final int MAX_REASONS = 16;

  final AtomicInteger contexts = new AtomicInteger();
  final AtomicInteger graphs = new AtomicInteger();
  final LongAdder captures = new LongAdder();
  final LongAdder evictions = new LongAdder();
  private final List<String> notCaptured = new ArrayList<>();

  /** A capture was refused: the log says so once for each shape and reason. */
  void refused(String what, String why) {
    String reason = what + ": " + why;
    synchronized (notCaptured) {
      if (notCaptured.contains(reason) || notCaptured.size() == MAX_REASONS) {
        return;
      }
      notCaptured.add(reason);
    }
    LOG.log(
        System.Logger.Level.WARNING,
        "{0} can''t be captured as a graph; its runs are enqueued one by one, which costs more time"
            + " on the host: {1}",
        what,
        why);
  }

  DeviceStats stats(long deviceBytes, long pinnedBytes) {
    synchronized (notCaptured) {
      return new DeviceStats(
          deviceBytes,
          pinnedBytes,
          contexts.get(),
          graphs.get(),
          captures.sum(),
          evictions.sum(),
          notCaptured);
    }
  }
}
