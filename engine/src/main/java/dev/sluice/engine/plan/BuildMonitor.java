package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi.ProgressMonitor;

/**
 * Stands between TensorRT and a {@link PlanWatch}: nothing that is thrown goes through native code,
 * and once a build is to end it stays so.
 *
 * <p>Thread safety: {@link #step} on any thread, {@link #check} on the one that builds.
 */
final class BuildMonitor implements ProgressMonitor {
  private final String what;
  private final PlanWatch watch;
  private final Thread builder;
  private volatile boolean ended;
  private volatile RuntimeException thrown;

  /** To be made on the thread that builds. */
  BuildMonitor(String what, PlanWatch watch) {
    this.what = what;
    this.watch = watch;
    this.builder = Thread.currentThread();
  }

  @Override
  public boolean step(String phase, int step, int steps) {
    try {
      if (!ended) {
        watch.step(phase, step, steps);
      }
    } catch (RuntimeException | Error e) {
      keep(e);
    }
    return !isEnded();
  }

  private boolean isEnded() {
    try {
      if (builder.isInterrupted() || watch.cancelled()) {
        ended = true;
      }
    } catch (RuntimeException | Error e) {
      keep(e);
    }
    return ended;
  }

  private void keep(Throwable e) {
    thrown =
        e instanceof RuntimeException known
            ? known
            : new IllegalStateException("the watch of a build failed: " + e, e);
    ended = true;
  }

  /** Throws where the build is to end. */
  void check() throws PlanCancelledException {
    if (isEnded()) {
      RuntimeException cause = thrown;
      if (cause != null) {
        throw cause;
      }
      throw new PlanCancelledException(what);
    }
  }
}
