package dev.sluice.bindings.sim;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * TensorRT on a {@link SimulatedCuda}: runs graphs by ONNX Runtime on the simulated device's
 * memory, for tests of what builds and serves plans.
 *
 * <p>Simulated are: reading ONNX with its initializers beside it; operators that are not supported;
 * ranges of shapes, and what lies outside of them; plans, bound to a version and a compute
 * capability, with a checksum; timing caches; progress and its end; refitting; contexts over memory
 * of the caller's. A run is one operation of its stream, a kernel to the driver: it is ordered,
 * captured, replayed and counted as one, and has the addresses and shapes of its enqueue. It reads
 * the inputs and writes the outputs and all of the memory for activations, so that contexts that
 * share it at the same time are reported as a race. One whose context was closed meanwhile fails
 * late, as does one that runs out of its memory.
 *
 * <p>Outputs whose shapes depend on data (behind NonZero, NonMaxSuppression, Unique or Compress)
 * have -1 in their shape, and as the most bytes what they take where each such dimension is as
 * large as the largest input of these operators; what comes later may be larger still, and fails
 * late. An enqueue asks their allocators, when the stream's earlier work is done and a run of its
 * own has told the shape; without an allocator their address must have room for the most. A
 * profiler hears of the graph's nodes, under the names that the inspector gives, and of the same
 * part of the run's time, measured on the host, for each. The inspector's JSON has the form of
 * TensorRT's.
 *
 * <p>It is stricter than TensorRT: a context has no range of shapes until one is chosen, loses its
 * shapes with that, and enqueues into a stream that captures only after a run of the same shapes
 * outside of a capture, which the developer's guide asks for. Closing what other open objects were
 * made from throws. Memory of another context is refused at the enqueue.
 *
 * <p>Not simulated are: shape tensors (an input counts as none; its values are read on the device;
 * where a shape depends on them, or on data inside of nodes' graphs, a run fails late if it is not
 * that of inputs of all zeros); external initializers of graphs inside of nodes; precision: plans
 * compute what ONNX Runtime computes.
 *
 * <p>Thread safety: as the interface says.
 */
public final class SimulatedTensorRt implements TensorRtApi {
  /** TensorRT 11.2. */
  public static final int DEFAULT_VERSION = 110_200;

  final SimulatedCuda cuda;
  final TensorRtFaults faults;
  final Set<String> unsupported;
  final Set<String> uncapturable;
  final AtomicInteger ids = new AtomicInteger();
  final AtomicInteger builds = new AtomicInteger();
  final AtomicInteger timings = new AtomicInteger();
  private final int version;
  private final TreeMap<Long, NativeHandle> live = new TreeMap<>();
  private long handles;

  private SimulatedTensorRt(Builder options) {
    cuda = options.cuda;
    faults = options.faults;
    unsupported = Set.copyOf(options.unsupported);
    uncapturable = Set.copyOf(options.uncapturable);
    version = options.version;
  }

  /** What a simulated TensorRT is like. */
  public static Builder builder(SimulatedCuda cuda) {
    return new Builder(cuda);
  }

  /**
   * What a simulated TensorRT is like.
   *
   * <p>Thread safety: for one thread.
   */
  public static final class Builder {
    private final SimulatedCuda cuda;
    private int version = DEFAULT_VERSION;
    private Set<String> unsupported = Set.of();
    private Set<String> uncapturable = Set.of("If", "Loop", "NonZero");
    private TensorRtFaults faults = TensorRtFaults.none();

    private Builder(SimulatedCuda cuda) {
      this.cuda = Objects.requireNonNull(cuda, "cuda");
    }

    /** What {@link #getInferLibVersion} answers; plans of others are refused. */
    public Builder version(int release) {
      version = release;
      return this;
    }

    /** ONNX operators that the parser refuses; none by default. */
    public Builder unsupported(Set<String> operators) {
      unsupported = operators;
      return this;
    }

    /** Operators whose plans can't be captured: If, Loop and NonZero by default. */
    public Builder uncapturable(Set<String> operators) {
      uncapturable = operators;
      return this;
    }

    /** What goes wrong. */
    public Builder faults(TensorRtFaults plan) {
      faults = Objects.requireNonNull(plan, "plan");
      return this;
    }

    /** The simulated TensorRT. */
    public SimulatedTensorRt build() {
      return new SimulatedTensorRt(this);
    }
  }

  @Override
  public int getInferLibVersion() {
    return version;
  }

  @Override
  public TensorRtApi.Builder createInferBuilder(TensorRtLog log) {
    SimContext context = currentContext(log, "createInferBuilder");
    return context == null ? null : new TrtBuilder(this, log, context.device);
  }

  @Override
  public TensorRtApi.Runtime createInferRuntime(TensorRtLog log) {
    SimContext context = currentContext(log, "createInferRuntime");
    return context == null ? null : new TrtRuntime(this, log, context.device);
  }

  /** The caller's context; null, and an error in the log, where it has none. */
  private SimContext currentContext(TensorRtLog log, String function) {
    SimContext context = cuda.currentContext();
    if (context == null) {
      log.log(
          TensorRtLog.Severity.ERROR,
          function + ": CUDA initialization failure: no context is current, or the device is lost");
    }
    return context;
  }

  /** The caller's context, of the device that an object belongs to; else null and an error. */
  SimContext contextOf(TensorRtLog log, String function, SimDevice device) {
    SimContext context = currentContext(log, function);
    if (context != null && context.device != device) {
      log.log(
          TensorRtLog.Severity.ERROR,
          function
              + ": made for device "
              + device.ordinal
              + ", and the "
              + context
              + " is current");
      return null;
    }
    return context;
  }

  /** 10 times the major and the minor compute capability of all devices. */
  int architecture() {
    return 10 * cuda.driver.options.computeMajor + cuda.driver.options.computeMinor;
  }

  /** How many plans were built. */
  public int builds() {
    return builds.get();
  }

  /** How many kernels were timed while plans were built: those that no timing cache had. */
  public int timings() {
    return timings.get();
  }

  /** What was made and not closed. */
  public List<String> leaks() {
    synchronized (live) {
      return live.values().stream().map(NativeHandle::toString).toList();
    }
  }

  NativeHandle own(String kind, TrtObject object) {
    synchronized (live) {
      long id = ++handles;
      NativeHandle handle =
          NativeHandle.own(
              kind,
              "simulated",
              id,
              _ -> {
                object.released();
                synchronized (live) {
                  live.remove(id);
                }
              });
      live.put(id, handle);
      return handle;
    }
  }

  @Override
  public String toString() {
    return "simulated TensorRT " + version + " (" + faults + ") on a " + cuda;
  }
}
