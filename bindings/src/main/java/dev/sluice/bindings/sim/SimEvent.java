package dev.sluice.bindings.sim;

import java.util.List;

/**
 * An event. Records are numbered; one has passed where {@code passed} reached its number.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimEvent {
  final SimContext context;
  final int flags;
  final Clock clock = new Clock();
  long handle;
  long recorded;
  long passed;
  long timeNs;

  /** Not null where the latest record went into a graph. */
  Capture capture;

  List<SimNode> tails = List.of();

  SimEvent(SimContext context, int flags) {
    this.context = context;
    this.flags = flags;
  }

  void pass(long record, long nowNs) {
    if (record > passed) {
      passed = record;
      timeNs = nowNs;
    }
  }
}
