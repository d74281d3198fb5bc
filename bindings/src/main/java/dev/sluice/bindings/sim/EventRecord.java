package dev.sluice.bindings.sim;

/**
 * One record of an event. Who waits for it waits for this one, whatever is recorded later.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class EventRecord {
  /** What is before whatever comes after the record. */
  final Clock clock = new Clock();

  boolean passed;

  /** When it passed. */
  long timeNs;

  private boolean held;

  /** Says that others than the event refer to it, so that it is not used for a later record. */
  EventRecord hold() {
    held = true;
    return this;
  }

  boolean isHeld() {
    return held;
  }

  void pass(long nowNs) {
    passed = true;
    timeNs = nowNs;
  }
}
