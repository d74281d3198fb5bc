package dev.sluice.engine.plan;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.DataType;
import dev.sluice.bindings.tensorrt.TensorRtApi.ExecutionContext;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtApi.OutputAllocator;
import dev.sluice.bindings.tensorrt.TensorRtApi.TensorIOMode;
import dev.sluice.bindings.tensorrt.TensorRtException;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Loads a plan and asks what it is made of, at the shapes that its last profile, the one for most
 * rows, is tuned for: without shapes TensorRT does not tell the types of layers, and each profile
 * has kernels of its own.
 *
 * <p>The primary context of the plan's device is current in every call.
 *
 * <p>Thread safety: one thread.
 */
public final class PlanInspector implements AutoCloseable {
  private static final int WARM_UP_RUNS = 5;
  private static final int TIMED_RUNS = 20;
  private static final String REFUSED =
      "the plan can't be used on this device; build it here: sluice build --device cuda";

  private final CudaApi cuda;
  private final String label;
  private final TensorRtLog log;

  /** What was opened, to be closed in reverse. */
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  private final CudaStream stream;
  private final TensorRtApi.Engine engine;
  private final ExecutionContext context;
  private final int profile;

  /**
   * Loads a plan. Takes the device memory of its weights until it is closed.
   *
   * @param plan native memory, not needed afterwards
   * @param label the model's name, for messages
   * @throws TensorRtException where TensorRT does not load it
   */
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  public PlanInspector(CudaApi cuda, TensorRtApi tensorRt, MemorySegment plan, String label) {
    this.cuda = cuda;
    this.label = label;
    this.log = new TensorRtLog("layers of " + label);
    boolean loaded = false;
    try {
      stream = opened(CudaStream.create(cuda, "inspector of " + label, 0));
      TensorRtApi.Runtime runtime =
          opened(
              log.made(
                  tensorRt.createInferRuntime(log),
                  "createInferRuntime",
                  "",
                  "check that the driver answers and libnvinfer is whole: sluice doctor"));
      engine =
          opened(
              log.made(
                  runtime.deserializeCudaEngine(plan),
                  "deserializeCudaEngine",
                  label + ", " + plan.byteSize() + " bytes",
                  REFUSED));
      profile = engine.getNbOptimizationProfiles() - 1;
      context =
          opened(
              log.made(engine.createExecutionContext(), "createExecutionContext", label, REFUSED));
      setShapes();
      loaded = true;
    } finally {
      if (!loaded) {
        close();
      }
    }
  }

  private <T extends AutoCloseable> T opened(T object) {
    open.push(object);
    return object;
  }

  private List<String> tensors(TensorIOMode mode) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < engine.getNbIOTensors(); i++) {
      if (engine.getTensorIOMode(engine.getIOTensorName(i)) == mode) {
        names.add(engine.getIOTensorName(i));
      }
    }
    return names;
  }

  private void setShapes() {
    log.check(
        context.setOptimizationProfileAsync(profile, stream.raw()),
        "setOptimizationProfileAsync",
        label + ", profile " + profile,
        REFUSED);
    stream.await(CudaStream.Wait.BLOCK);
    for (String input : tensors(TensorIOMode.INPUT)) {
      long[] dims = dims(input);
      log.check(
          context.setInputShape(input, dims),
          "setInputShape",
          label + ", '" + input + "' " + Arrays.toString(dims),
          REFUSED);
    }
  }

  /** An input's shape that the profile is tuned for. */
  private long[] dims(String input) {
    long[] dims = engine.getTensorShape(input);
    return Arrays.stream(dims).anyMatch(dim -> dim < 0)
        ? engine.getProfileShape(input, profile, OptProfileSelector.OPT)
        : dims;
  }

  /**
   * What TensorRT's inspector tells of the layers: {@code {"Layers": […], "Bindings": […]}}.
   *
   * @return JSON in TensorRT's own form
   */
  public String layers() {
    return log.made(engine.getEngineInformation(context), "getEngineInformation", label, REFUSED);
  }

  /**
   * Runs the plan on inputs of zeros, and measures each layer by TensorRT's profiler, which waits
   * after each layer: together they take longer than a run.
   *
   * @return microseconds of a run, the mean of some, by the layer's name
   * @throws TensorRtException where a run fails, or takes values from the host
   */
  public Map<String, Double> layerTimesUs() {
    int before = open.size();
    try {
      bind();
      Map<String, Double> timesUs = new LinkedHashMap<>();
      context.setProfiler(
          (layer, ms) -> timesUs.merge(layer, ms * 1_000.0 / TIMED_RUNS, Double::sum));
      for (int run = 0; run < WARM_UP_RUNS + TIMED_RUNS; run++) {
        if (run == WARM_UP_RUNS) {
          timesUs.clear();
        }
        log.check(context.enqueueV3(stream.raw()), "enqueueV3", label, REFUSED);
        stream.await(CudaStream.Wait.BLOCK);
      }
      return timesUs;
    } finally {
      context.setProfiler(TensorRtApi.Profiler.NONE);
      closeDownTo(before);
    }
  }

  /** Finds memory for inputs, outputs and activations. */
  private void bind() {
    long activationBytes = Math.max(1, engine.getDeviceMemorySizeForProfileV2(profile));
    context.setDeviceMemoryV2(memory("activations", activationBytes).raw(), activationBytes);
    for (String input : tensors(TensorIOMode.INPUT)) {
      log.check(
          !engine.isHostTensor(input),
          "isHostTensor",
          label + ", '" + input + "'",
          "the layers of a plan whose inputs' values decide on shapes are not timed");
      long sizeBytes = sizeBytes(engine.getTensorDataType(input), dims(input));
      bind(input, memory(input, sizeBytes).raw());
    }
    for (String output : tensors(TensorIOMode.OUTPUT)) {
      if (Arrays.stream(context.getTensorShape(output)).anyMatch(dim -> dim < 0)) {
        log.check(
            context.setOutputAllocator(output, new Allocator(output)),
            "setOutputAllocator",
            label + ", '" + output + "'",
            REFUSED);
      } else {
        bind(output, memory(output, context.getMaxOutputSize(output)).raw());
      }
    }
  }

  private void bind(String tensor, long address) {
    log.check(
        context.setTensorAddress(tensor, address),
        "setTensorAddress",
        label + ", '" + tensor + "'",
        REFUSED);
  }

  /** Memory of zeros, until {@link #layerTimesUs} ends. */
  private DeviceMemory memory(String tensor, long sizeBytes) {
    DeviceMemory memory =
        opened(DeviceMemory.allocate(cuda, label + ", " + tensor, Math.max(1, sizeBytes)));
    CudaStatus.check(
        cuda,
        cuda.cuMemsetD8Async(memory.raw(), (byte) 0, Math.max(1, sizeBytes), stream.raw()),
        "cuMemsetD8Async",
        memory.toString());
    return memory;
  }

  /** Memory for an output whose size a run tells. */
  private final class Allocator implements OutputAllocator {
    private final String output;
    private long address;
    private long sizeBytes;

    Allocator(String output) {
      this.output = output;
    }

    @Override
    public long reallocate(long currentAddress, long neededBytes, long alignment, long inStream) {
      if (neededBytes > sizeBytes) {
        address = memory(output, neededBytes).raw();
        sizeBytes = neededBytes;
      }
      return address;
    }

    @Override
    public void notifyShape(long... dims) {}
  }

  private static long sizeBytes(DataType type, long... dims) {
    long bits =
        switch (type) {
          case INT64 -> 64;
          case FLOAT, INT32 -> 32;
          case HALF, BF16 -> 16;
          case INT8, UINT8, BOOL, FP8, E8M0 -> 8;
          case INT4, FP4 -> 4;
        };
    for (long dim : dims) {
      bits = Math.multiplyExact(bits, dim);
    }
    return (bits + 7) / 8;
  }

  private void closeDownTo(int count) {
    while (open.size() > count) {
      try {
        open.pop().close();
      } catch (Exception e) {
        throw new IllegalStateException("closing the plan of " + label + " failed: " + e, e);
      }
    }
  }

  /** Gives all of it back. */
  @Override
  public void close() {
    closeDownTo(0);
  }
}
