package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An execution context's profiler, and the run that it hears of next. Each layer takes the same
 * part of its run's time, which is the host's.
 *
 * <p>Thread safety: as its context.
 */
final class TrtProfiling {
  private static final String REPORT = "IExecutionContext::reportToProfiler: ";

  private final TrtContext context;
  private TensorRtApi.Profiler profiler = TensorRtApi.Profiler.NONE;
  private boolean emits = true;

  /** What the latest run with a profiler took, in nanoseconds; -1 where it has not run. */
  private AtomicLong took;

  private long stream;

  TrtProfiling(TrtContext context) {
    this.context = context;
  }

  void set(TensorRtApi.Profiler listener) {
    profiler = listener;
    took = null;
  }

  void setEmits(boolean whether) {
    emits = whether;
  }

  private boolean isOn() {
    return !profiler.equals(TensorRtApi.Profiler.NONE);
  }

  /** Whether an enqueue waits for its run and reports it. */
  boolean isReportedAtOnce() {
    return emits && isOn();
  }

  /** Where a run that is enqueued now leaves its time; null where nobody asks. */
  AtomicLong next(long hStream) {
    took = isOn() ? new AtomicLong(-1) : null;
    stream = hStream;
    return took;
  }

  /** {@code reportToProfiler}. */
  boolean report() {
    if (emits) {
      return true;
    }
    if (!isOn() || took == null) {
      return context.refuse(REPORT + "no profiler is set, or nothing was enqueued since");
    }
    try {
      if (context.owner.cuda.isCapturing(stream, false)) {
        return context.refuse(REPORT + "the stream captures");
      }
    } catch (IllegalArgumentException e) {
      return context.refuse(REPORT + "the stream of the run is gone: " + e.getMessage());
    }
    return awaitAndTell(REPORT);
  }

  /** Waits for the run, and tells the profiler; false, and an error, where it failed. */
  boolean awaitAndTell(String function) {
    int status = context.owner.cuda.cuStreamSynchronize(stream);
    if (status != CudaApi.CUDA_SUCCESS || took.get() < 0) {
      return context.refuse(function + "the run failed, or did not begin: status " + status);
    }
    List<String> layers = context.layerNames();
    float ms = took.get() / 1e6f / layers.size();
    for (String layer : layers) {
      try {
        profiler.reportLayerTime(layer, ms);
      } catch (RuntimeException | Error e) {
        context.refuse("the profiler failed: " + e);
      }
    }
    return true;
  }
}
