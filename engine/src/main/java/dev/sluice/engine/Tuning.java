package dev.sluice.engine;

import java.util.List;
import java.util.Optional;

/**
 * How a model is served on this machine, and the timings that say so.
 *
 * <p>Thread safety: immutable.
 *
 * @param maxBatch most rows of a batch
 * @param lanes batches that run at once
 * @param soloBuffers callers that may have runs of their own besides, without a lane
 * @param threadsPerLane threads of the backend per run
 * @param maxDelayNs longest time that an idle lane waits for company, in nanoseconds
 * @param measured whether it was measured here (now or earlier), or is a default
 * @param timings what was measured, empty for a default
 */
public record Tuning(
    int maxBatch,
    int lanes,
    int soloBuffers,
    int threadsPerLane,
    long maxDelayNs,
    boolean measured,
    List<Timing> timings) {
  private static final long SHORT_RUN_NS = 20_000;
  private static final long LONG_RUN_NS = 10_000_000;

  /** Copies the list. */
  public Tuning {
    timings = List.copyOf(timings);
  }

  /** Whether a run takes so little that what it waits for at a lock counts. */
  boolean runsAreShort() {
    return !timings.isEmpty() && fastestNs() < SHORT_RUN_NS;
  }

  private long fastestNs() {
    return timings.stream().mapToLong(Timing::runNs).min().orElse(0);
  }

  /** Whether the fastest run that was timed takes so long that waits beside it do not count. */
  boolean runsAreLong() {
    return fastestNs() >= LONG_RUN_NS;
  }

  /**
   * What an earlier opening of a package measured on this machine, for as many cores as this
   * process may use.
   *
   * @param packageHash as {@code SluicePackage.packageHash} says it
   * @return the remembered tuning, or empty
   */
  public static Optional<Tuning> remembered(String packageHash) {
    return Optional.ofNullable(Tuner.recall(Tuner.key(packageHash)));
  }

  /**
   * The time of a run.
   *
   * @param threads threads of the backend
   * @param rows rows of the run
   * @param runNs the fastest of several runs, in nanoseconds
   */
  public record Timing(int threads, int rows, long runNs) {}
}
