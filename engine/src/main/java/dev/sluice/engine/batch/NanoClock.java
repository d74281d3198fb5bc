package dev.sluice.engine.batch;

/**
 * The time as the protocol sees it, so that tests can bring their own.
 *
 * <p>Thread safety: any thread.
 */
@FunctionalInterface
public interface NanoClock {
  /** {@link System#nanoTime}. */
  NanoClock SYSTEM = System::nanoTime;

  /** Nanoseconds from an arbitrary origin; never goes backwards. */
  long nanoTime();
}
