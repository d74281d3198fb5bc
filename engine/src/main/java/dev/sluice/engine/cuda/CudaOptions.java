package dev.sluice.engine.cuda;

import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.engine.memory.MemoryBudget;
import dev.sluice.engine.plan.PlanOptions;
import java.util.Objects;

/**
 * How the CUDA backend serves.
 *
 * <p>Thread safety: immutable.
 *
 * @param waiting how the thread that runs a batch waits for the device
 * @param maxGraphs most captured graphs of a lane, each with an execution context of its own; those
 *     that were not used for longest go first. 0 captures nothing
 * @param deviceMemoryLimitBytes most device memory for activations, inputs and outputs; {@link
 *     MemoryBudget#UNLIMITED} for none. The plan's weights are not counted
 * @param plan how the plan that serves was built, or is built where there is none: a plan in the
 *     package that was built otherwise is passed over. Null takes the package's plan however it was
 *     built, and builds one with {@link PlanOptions#defaults} where none fits
 * @param firstLoadBuild whether a plan may be built when a package is opened
 * @param timed whether the device's time of each run is measured, for two events a run
 */
public record CudaOptions(
    CudaStream.Wait waiting,
    int maxGraphs,
    long deviceMemoryLimitBytes,
    PlanOptions plan,
    boolean firstLoadBuild,
    boolean timed) {
  /**
   * Three shapes with batches of up to 64 rows, which have 20 buckets ({@link RowBuckets}).
   * Assumed, not measured: a graph holds a few megabytes on the device.
   */
  private static final int DEFAULT_MAX_GRAPHS = 64;

  /** Checks the values. */
  public CudaOptions {
    Objects.requireNonNull(waiting, "waiting");
    if (maxGraphs < 0) {
      throw new IllegalArgumentException("a lane has 0 or more graphs, not " + maxGraphs);
    }
    if (deviceMemoryLimitBytes < 1) {
      throw new IllegalArgumentException(
          "the limit of device memory is 1 byte or more, not " + deviceMemoryLimitBytes);
    }
  }

  /** Spins, captures, without limits, and takes the package's plan, or builds a missing one. */
  public static CudaOptions defaults() {
    return new CudaOptions(
        CudaStream.Wait.SPIN, DEFAULT_MAX_GRAPHS, MemoryBudget.UNLIMITED, null, true, false);
  }

  /** The same with another wait: spinning takes a core for each lane that runs. */
  public CudaOptions withWaiting(CudaStream.Wait value) {
    return new CudaOptions(value, maxGraphs, deviceMemoryLimitBytes, plan, firstLoadBuild, timed);
  }

  /** The same with another {@link #maxGraphs}. */
  public CudaOptions withMaxGraphs(int value) {
    return new CudaOptions(waiting, value, deviceMemoryLimitBytes, plan, firstLoadBuild, timed);
  }

  /** The same with another {@link #deviceMemoryLimitBytes}. */
  public CudaOptions withDeviceMemoryLimitBytes(long value) {
    return new CudaOptions(waiting, maxGraphs, value, plan, firstLoadBuild, timed);
  }

  /** The same with another {@link #plan}. */
  public CudaOptions withPlan(PlanOptions value) {
    return new CudaOptions(
        waiting, maxGraphs, deviceMemoryLimitBytes, value, firstLoadBuild, timed);
  }

  /** The same with another {@link #firstLoadBuild}. */
  public CudaOptions withFirstLoadBuild(boolean value) {
    return new CudaOptions(waiting, maxGraphs, deviceMemoryLimitBytes, plan, value, timed);
  }

  /** The same with another {@link #timed}. */
  public CudaOptions withTimed(boolean value) {
    return new CudaOptions(waiting, maxGraphs, deviceMemoryLimitBytes, plan, firstLoadBuild, value);
  }
}
