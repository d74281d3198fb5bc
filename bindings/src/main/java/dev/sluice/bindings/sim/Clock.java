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
    grow(stream + 1);
    return ++ticks[stream];
  }

  /**
   * Comes after all that another comes after. Allocates only where there are more streams than
   * ever.
   */
  void join(Clock other) {
    grow(other.ticks.length);
    for (int i = 0; i < other.ticks.length; i++) {
      ticks[i] = Math.max(ticks[i], other.ticks[i]);
    }
  }

  /** Becomes a copy. */
  void set(Clock other) {
    grow(other.ticks.length);
    Arrays.fill(ticks, 0);
    System.arraycopy(other.ticks, 0, ticks, 0, other.ticks.length);
  }

  Clock copy() {
    Clock copy = new Clock();
    copy.set(this);
    return copy;
  }

  private void grow(int length) {
    if (length > ticks.length) {
      ticks = Arrays.copyOf(ticks, Math.max(length, 2 * ticks.length));
    }
  }
}
