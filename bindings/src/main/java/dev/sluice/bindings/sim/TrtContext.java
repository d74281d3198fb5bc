package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import java.util.ArrayList;
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
  private static final String ENQUEUE = "IExecutionContext::enqueueV3: ";

  private final TrtEngine engine;
  private final SimContext context;
  private final Map<String, long[]> shapes = new HashMap<>();
  private final Map<String, Long> addresses = new HashMap<>();
  private Map<String, long[]> outputs;
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
      shape = outputs.get(name);
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
        : tensor.sizeBytes(outputs.get(output));
  }

  @Override
  public boolean setTensorAddress(String name, long address) {
    use();
    if (engine.tensor(name) == null) {
      return false;
    }
    addresses.put(name, address);
    return true;
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
    boolean capturing;
    try {
      capturing = owner.cuda.isCapturing(stream, !settled || !engine.isCapturable());
    } catch (IllegalArgumentException e) {
      return refuse(ENQUEUE + "the stream is none: " + e.getMessage());
    }
    if (capturing && (!settled || !engine.isCapturable())) {
      return refuse(
          ENQUEUE
              + (settled
                  ? "the plan has operators that can't be captured"
                  : "the first run of new shapes can't be captured"));
    }
    int status = owner.cuda.launch(engine.name, run(), stream);
    if (status != CudaApi.CUDA_SUCCESS) {
      return refuse(
          ENQUEUE
              + "Cuda Runtime: "
              + CudaStatus.of(status).map(CudaStatus::cName).orElse("status " + status));
    }
    settled = true;
    return true;
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
    for (TrtTensor tensor : engine.tensors()) {
      long address = addresses.getOrDefault(tensor.name(), 0L);
      if (address == 0) {
        return refuse(ENQUEUE + "Neither address nor allocator is set for " + tensor.name());
      }
      if (owner.cuda.isForeign(address, context)) {
        return refuse(ENQUEUE + tensor.name() + " lies in memory of another CUDA context");
      }
    }
    return true;
  }

  private TrtRun run() {
    List<TrtRun.Bound> bound = new ArrayList<>();
    for (TrtTensor tensor : engine.tensors()) {
      long[] shape = (tensor.isInput() ? shapes : outputs).get(tensor.name());
      bound.add(new TrtRun.Bound(tensor, addresses.get(tensor.name()), shape.clone()));
    }
    long sizeBytes = engine.getDeviceMemorySizeForProfileV2(profile);
    return new TrtRun(engine, handle, List.copyOf(bound), memory, sizeBytes);
  }
}
