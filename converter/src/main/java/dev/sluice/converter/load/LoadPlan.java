package dev.sluice.converter.load;

import java.time.Duration;

/**
 * What load to make.
 *
 * <p>In the closed loop each caller sends its next request when it has the answer to the last. In
 * the open loop requests are due at a fixed rate, whether or not the engine keeps up, and a
 * request's latency counts from when it was due: what queues behind a slow answer shows.
 *
 * <p>Thread safety: immutable.
 *
 * @param callers threads that send requests
 * @param ratePerS requests per second that are due; 0 for the closed loop
 * @param warmUp time before anything is measured
 * @param duration time that is measured
 * @param virtual whether the callers are virtual threads
 */
public record LoadPlan(
    int callers, double ratePerS, Duration warmUp, Duration duration, boolean virtual) {
  /** Checks the values. */
  public LoadPlan {
    if (callers < 1) {
      throw new IllegalArgumentException("a load has at least 1 caller, but callers is " + callers);
    }
    if (!(ratePerS >= 0) || Double.isInfinite(ratePerS)) {
      throw new IllegalArgumentException("a rate is positive, but is " + ratePerS);
    }
    if (warmUp.isNegative() || duration.isNegative() || duration.isZero()) {
      throw new IllegalArgumentException("a load lasts longer than 0 s, but is " + duration);
    }
  }

  /** A closed loop of platform threads. */
  public static LoadPlan closed(int callers, Duration warmUp, Duration duration) {
    return new LoadPlan(callers, 0, warmUp, duration, false);
  }

  /** Whether requests are due at a fixed rate. */
  public boolean isOpen() {
    return ratePerS > 0;
  }
}
