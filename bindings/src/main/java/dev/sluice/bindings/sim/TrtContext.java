package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs a plan.
 *
 * <p>Thread safety: one thread at a time.
 */
final class TrtContext extends TrtObject implements TensorRtApi.ExecutionContext {
  static final String ENQUEUE = "IExecutionContext::enqueueV3: ";

  private final TrtEngine engine;
  private final SimContext context;
  private final Map<String, long[]> shapes = new HashMap<>();
  private final TrtProfiling profiling = new TrtProfiling(this);
  private final TrtPlaces places = new TrtPlaces(this);
  private Map<String, TrtShapes.Shape> outputs;
  private int profile = -1;
  private long memory;
  private long memoryBytes;

  /** A run of these shapes was enqueued outside of a capture. */
  private boolean settled;

  TrtContext(TrtEngine engine, SimContext context) {
    super(engine.owner, engine.log, "IExecutionContext", engine);
    this.engine = engine;
    this.context = context;
  }

  @Override
  public void setDeviceMemoryV2(long address, long sizeBytes) {
    use();
    if (address % TrtEngine.MEMORY_UNIT_BYTES != 0) {
      refuse("IExecutionContext::setDeviceMemoryV2: the address is no multiple of 256");
      return;
    }
    memory = address;
    memoryBytes = sizeBytes;
  }

  @Override
  public boolean setOptimizationProfileAsync(int newProfile, long stream) {
    use();
    TrtProfile range = engine.profile(newProfile);
    if (range == null) {
      return false;
    }
    if (newProfile != profile) {
      profile = newProfile;
      shapes.clear();
      forgetOutputs();
      for (TrtTensor tensor : engine.tensors()) {
        if (tensor.isInput() && !tensor.isDynamic()) {
          shapes.put(tensor.name(), tensor.dimensions());
        }
      }
    }
    return true;
  }

  private void forgetOutputs() {
    outputs = null;
    settled = false;
  }

  @Override
  public boolean setInputShape(String input, long... dims) {
    use();
    TrtTensor tensor = engine.tensor(input);
    if (tensor == null || !tensor.isInput() || !tensor.admits(dims)) {
      return refuse(
          "IExecutionContext::setInputShape: "
              + Arrays.toString(dims)
              + " is no shape of "
              + input);
    }
    TrtProfile range = profile < 0 ? null : engine.profile(profile);
    if (range == null) {
      return refuse("IExecutionContext::setInputShape: no optimization profile is chosen");
    }
    if (!range.admits(input, dims)) {
      return refuse(
          "IExecutionContext::setInputShape: Set dimension "
              + Arrays.toString(dims)
              + " for tensor "
              + input
              + " does not satisfy any optimization profiles. Valid range for profile "
              + profile
              + ": "
              + Arrays.toString(range.bound(input, OptProfileSelector.MIN))
              + ".."
              + Arrays.toString(range.bound(input, OptProfileSelector.MAX)));
    }
    if (!Arrays.equals(dims, shapes.put(input, dims.clone()))) {
      forgetOutputs();
    }
    return true;
  }

  /** Finds the outputs' shapes; false, and an error, where the inputs do not tell them. */
  private boolean infer() {
    if (outputs != null) {
      return true;
    }
    for (TrtTensor tensor : engine.tensors()) {
      if (tensor.isInput() && !shapes.containsKey(tensor.name())) {
        return refuse("IExecutionContext: the shape of " + tensor.name() + " is not set");
      }
    }
    try {
      outputs = engine.outputShapes(shapes);
      return true;
    } catch (IllegalArgumentException e) {
      return refuse("IExecutionContext: the inputs' shapes don't fit: " + e.getMessage());
    }
  }

  @Override
  public long[] getTensorShape(String name) {
    use();
    TrtTensor tensor = engine.tensor(name);
    if (tensor == null) {
      return new long[0];
    }
    long[] shape = null;
    if (tensor.isInput()) {
      shape = shapes.get(name);
    } else if (shapes.size() == inputs() && infer()) {
      shape = outputs.get(name).dims();
    }
    return shape == null ? tensor.dimensions() : shape.clone();
  }

  private long inputs() {
    return engine.tensors().stream().filter(TrtTensor::isInput).count();
  }

  @Override
  public long getMaxOutputSize(String output) {
    use();
    TrtTensor tensor = engine.tensor(output);
    return tensor == null || tensor.isInput() || !infer()
        ? -1
        : tensor.sizeBytes(outputs.get(output).most());
  }

  @Override
  public boolean setTensorAddress(String name, long address) {
    use();
    if (engine.tensor(name) == null) {
      return false;
    }
    places.set(name, address);
    return true;
  }

  @Override
  public boolean setOutputAllocator(String output, TensorRtApi.OutputAllocator allocator) {
    use();
    TrtTensor tensor = engine.tensor(output);
    if (tensor == null || tensor.isInput()) {
      return refuse("IExecutionContext::setOutputAllocator: there is no output " + output);
    }
    places.set(output, allocator);
    return true;
  }

  @Override
  public void setProfiler(TensorRtApi.Profiler profiler) {
    use();
    profiling.set(profiler);
  }

  @Override
  public void setEnqueueEmitsProfile(boolean emits) {
    use();
    profiling.setEmits(emits);
  }

  @Override
  public boolean reportToProfiler() {
    use();
    return profiling.report();
  }

  List<String> layerNames() {
    return engine.layerNames();
  }

  /** The inputs' shapes by name; null where not all are set. */
  Map<String, long[]> inputShapes() {
    use();
    return shapes.size() == inputs() ? Map.copyOf(shapes) : null;
  }

  @Override
  public boolean enqueueV3(long stream) {
    use();
    if (!isReady()) {
      return false;
    }
    if (owner.faults.fails(TensorRtFaults.Call.ENQUEUE)) {
      return refuse(ENQUEUE + "the fault plan refuses this one");
    }
    String uncapturable = uncapturable();
    try {
      if (owner.cuda.isCapturing(stream, uncapturable != null) && uncapturable != null) {
        return refuse(ENQUEUE + uncapturable);
      }
    } catch (IllegalArgumentException e) {
      return refuse(ENQUEUE + "the stream is none: " + e.getMessage());
    }
    List<TrtRun.Bound> bound = places.bind(engine, shapes, outputs, stream);
    if (bound == null) {
      return false;
    }
    long sizeBytes = engine.getDeviceMemorySizeForProfileV2(profile);
    TrtRun run = new TrtRun(engine, handle, bound, memory, sizeBytes, profiling.next(stream));
    int status = owner.cuda.launch(engine.name, run, stream);
    if (status != CudaApi.CUDA_SUCCESS) {
      return refuseStatus(status);
    }
    settled = true;
    return !profiling.isReportedAtOnce() || profiling.awaitAndTell(ENQUEUE);
  }

  boolean refuseStatus(int status) {
    return refuse(
        ENQUEUE
            + "Cuda Runtime: "
            + CudaStatus.of(status).map(CudaStatus::cName).orElse("status " + status));
  }

  /** Why a run can't be captured; null where it can. */
  private String uncapturable() {
    if (!settled) {
      return "the first run of new shapes can't be captured";
    }
    if (!engine.isCapturable()) {
      return "the plan has operators that can't be captured";
    }
    if (places.areShapedByRun(outputs)) {
      return "an output's shape is not known before the run, so it can't be captured";
    }
    return profiling.isReportedAtOnce()
        ? "a run that reports to its profiler at once can't be captured"
        : null;
  }

  /** Whether all is there that a run needs. */
  private boolean isReady() {
    SimContext current = owner.contextOf(log, ENQUEUE, engine.device);
    if (current == null) {
      return false;
    }
    if (current != context) {
      return refuse(ENQUEUE + "the execution context is of the " + context + " made before");
    }
    if (profile < 0) {
      return refuse(ENQUEUE + "no optimization profile is chosen");
    }
    long needed = engine.getDeviceMemorySizeForProfileV2(profile);
    if (memory == 0 || memoryBytes < needed) {
      return refuse(ENQUEUE + "device memory is " + memoryBytes + " bytes of " + needed);
    }
    if (owner.cuda.isForeign(memory, context)) {
      return refuse(ENQUEUE + "the device memory is of another CUDA context");
    }
    if (!infer()) {
      return false;
    }
    return places.areComplete(engine, context, outputs);
  }
}
