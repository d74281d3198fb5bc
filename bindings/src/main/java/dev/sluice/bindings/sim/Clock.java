package dev.sluice.bindings.sim;

import java.util.Arrays;

/**
 * A vector clock: for each stream, up to which of its operations this one comes after. Two accesses
 * of which neither is covered by the other's clock are unordered, whatever order they ran in.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class Clock {
  private long[] ticks = new long[8];

  /** Whether the tick'th operation of a stream comes before. */
  boolean covers(int stream, long tick) {
    return stream < ticks.length && ticks[stream] >= tick;
  }

  /** Starts the next operation of a stream; its tick. */
  long advance(int stream) {
    if (stream >= ticks.length) {
      ticks = Arrays.copyOf(ticks, Math.max(stream + 1, 2 * ticks.length));
    }
    return ++ticks[stream];
  }

  /** Goes on where a stream that is gone ended, whose place another one takes. */
  void resume(int stream, Clock former) {
    advance(stream);
    ticks[stream] = former.ticks[stream];
  }

  /**
   * Comes after all that another comes after. Allocates only where there are more streams than
   * ever.
   */
  void join(Clock other) {
    reach(other);
    for (int i = 0; i < other.ticks.length; i++) {
      ticks[i] = Math.max(ticks[i], other.ticks[i]);
    }
  }

  /** Becomes a copy. */
  void set(Clock other) {
    reach(other);
    Arrays.fill(ticks, 0);
    System.arraycopy(other.ticks, 0, ticks, 0, other.ticks.length);
  }

  Clock copy() {
    Clock copy = new Clock();
    copy.set(this);
    return copy;
  }

  /** No further than the other: clocks that join each other in turn must not push each other up. */
  private void reach(Clock other) {
    if (other.ticks.length > ticks.length) {
      ticks = Arrays.copyOf(ticks, other.ticks.length);
    }
  }

  /** How many streams it has room for. */
  int length() {
    return ticks.length;
  }
}
