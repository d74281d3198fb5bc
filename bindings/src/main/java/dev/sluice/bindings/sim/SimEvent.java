package dev.sluice.bindings.sim;

import java.util.List;

/**
 * An event, and what was recorded in it last.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimEvent {
  final SimContext context;
  final int flags;
  long handle;

  /** Null where nothing was recorded yet. */
  EventRecord latest;

  /** Not null where the latest record went into a graph. */
  Capture capture;

  List<SimNode> tails = List.of();

  SimEvent(SimContext context, int flags) {
    this.context = context;
    this.flags = flags;
  }

  /** The next record, which has not passed; in the steady state of a caller it is no new object. */
  EventRecord next() {
    if (latest == null || latest.isHeld()) {
      latest = new EventRecord();
    }
    latest.passed = false;
    return latest;
  }

  /** Whether nothing was recorded, or the latest record has passed. */
  boolean isPassed() {
    return latest == null || latest.passed;
  }
}
