package dev.sluice.bench.gpu;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaHandles;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.DataType;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtApi.TensorIOMode;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import dev.sluice.engine.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * One execution context of a plan, its stream, and pinned and device memory for one set of shapes:
 * what a run needs and nothing else.
 *
 * <p>Thread safety: one thread, the one whose context is current.
 */
final class BareContext implements AutoCloseable {
  /** Pinned memory of its own pages: the driver pins whole ones. */
  private static final long PAGE_BYTES = 4096;

  /** An input or output; its memory on both sides. */
  private record Tensor(String name, MemorySegment host, long device) {}

  private final CudaApi api;
  private final TensorRtLog log = new TensorRtLog("bare loop");
  private final Arena arena = Arena.ofConfined();
  private final Deque<Runnable> owned = new ArrayDeque<>();
  private final TensorRtApi.Engine engine;
  private final TensorRtApi.ExecutionContext execution;
  private final CudaStream stream;
  private final long streamRaw;
  private final Tensor[] inputs;
  private final Tensor[] outputs;

  BareContext(CudaApi api, TensorRtApi tensorRt, MemorySegment plan, List<BareLoop.Input> given) {
    this.api = api;
    try {
      TensorRtApi.Runtime runtime =
          log.made(
              tensorRt.createInferRuntime(log),
              "createInferRuntime",
              "",
              "check that the driver answers: sluice doctor");
      owned.push(runtime::close);
      engine =
          log.made(
              runtime.deserializeCudaEngine(plan),
              "deserializeCudaEngine",
              plan.byteSize() + " bytes",
              "build the plan on this device with this TensorRT");
      owned.push(engine::close);
      execution =
          log.made(
              engine.createExecutionContext(), "createExecutionContext", "", "free device memory");
      owned.push(execution::close);
      stream = CudaStream.create(api, "bare loop", 0);
      owned.push(stream::close);
      streamRaw = stream.raw();
      Map<String, BareLoop.Input> byName = byName(given);
      int profile = profile(given);
      memory(engine.getDeviceMemorySizeForProfileV2(profile));
      boolean chosen = execution.setOptimizationProfileAsync(profile, streamRaw);
      log.check(chosen, "setOptimizationProfileAsync", "profile " + profile, "");
      inputs = bindInputs(byName);
      outputs = bindOutputs();
      stream.await(CudaStream.Wait.BLOCK);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private List<String> names(TensorIOMode mode) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < engine.getNbIOTensors(); i++) {
      String name = engine.getIOTensorName(i);
      if (engine.getTensorIOMode(name) == mode) {
        names.add(name);
      }
    }
    return names;
  }

  private Map<String, BareLoop.Input> byName(List<BareLoop.Input> given) {
    Map<String, BareLoop.Input> byName = new LinkedHashMap<>();
    given.forEach(input -> byName.put(input.name(), input));
    List<String> wanted = names(TensorIOMode.INPUT);
    if (byName.size() != given.size() || !byName.keySet().equals(Set.copyOf(wanted))) {
      throw new IllegalArgumentException(
          "the plan takes the inputs "
              + wanted
              + ", but these are "
              + given.stream().map(BareLoop.Input::name).toList());
    }
    return byName;
  }

  /** The first range of shapes that all inputs lie in. */
  private int profile(List<BareLoop.Input> given) {
    for (int profile = 0; profile < engine.getNbOptimizationProfiles(); profile++) {
      int candidate = profile;
      if (given.stream().allMatch(input -> fits(input, candidate))) {
        return profile;
      }
    }
    throw new IllegalArgumentException(
        "no profile of the plan takes " + given + "; build it for these shapes");
  }

  private boolean fits(BareLoop.Input input, int profile) {
    long[] min = engine.getProfileShape(input.name(), profile, OptProfileSelector.MIN);
    long[] max = engine.getProfileShape(input.name(), profile, OptProfileSelector.MAX);
    Shape shape = input.shape();
    boolean fits = min.length == shape.rank() && max.length == shape.rank();
    for (int axis = 0; fits && axis < min.length; axis++) {
      fits = min[axis] <= shape.dim(axis) && shape.dim(axis) <= max[axis];
    }
    return fits;
  }

  private void memory(long sizeBytes) {
    DeviceMemory activations = allocate("activations", sizeBytes);
    execution.setDeviceMemoryV2(activations.raw(), activations.sizeBytes());
  }

  private DeviceMemory allocate(String label, long sizeBytes) {
    DeviceMemory memory = DeviceMemory.allocate(api, label, Math.max(1, sizeBytes));
    owned.push(memory::close);
    return memory;
  }

  private Tensor[] bindInputs(Map<String, BareLoop.Input> byName) {
    List<Tensor> bound = new ArrayList<>();
    for (BareLoop.Input input : byName.values()) {
      long neededBytes = input.shape().elementCount() * bytes(input.name());
      if (input.data().byteSize() != neededBytes) {
        throw new IllegalArgumentException(
            input.name() + " takes " + neededBytes + " bytes, but this is " + input.data());
      }
      log.check(
          execution.setInputShape(input.name(), input.shape().dims()),
          "setInputShape",
          input.name() + " " + input.shape(),
          "build the plan for this shape");
      Tensor tensor = bind(input.name(), neededBytes);
      tensor.host.copyFrom(input.data());
      bound.add(tensor);
    }
    return bound.toArray(Tensor[]::new);
  }

  private Tensor[] bindOutputs() {
    List<Tensor> bound = new ArrayList<>();
    for (String name : names(TensorIOMode.OUTPUT)) {
      long sizeBytes = execution.getMaxOutputSize(name);
      log.check(sizeBytes >= 0, "getMaxOutputSize", name, "");
      bound.add(bind(name, sizeBytes));
    }
    return bound.toArray(Tensor[]::new);
  }

  private Tensor bind(String name, long sizeBytes) {
    if (engine.isHostTensor(name)) {
      throw new IllegalArgumentException(
          name + " is a shape tensor in host memory; the loop times plans without those");
    }
    MemorySegment host = pinned(name, sizeBytes);
    DeviceMemory device = allocate(name, sizeBytes);
    log.check(
        execution.setTensorAddress(name, device.raw()), "setTensorAddress", device.toString(), "");
    return new Tensor(name, host, device.raw());
  }

  private MemorySegment pinned(String label, long sizeBytes) {
    long wholeBytes = Math.ceilDiv(Math.max(1, sizeBytes), PAGE_BYTES) * PAGE_BYTES;
    MemorySegment host = arena.allocate(wholeBytes, PAGE_BYTES);
    CudaStatus.check(
        api,
        api.cuMemHostRegister_v2(host.address(), wholeBytes, 0),
        "cuMemHostRegister_v2",
        label + ", " + wholeBytes + " bytes");
    NativeHandle handle =
        CudaHandles.own(
            api,
            "pinned memory",
            label,
            host.address(),
            "cuMemHostUnregister",
            api::cuMemHostUnregister);
    owned.push(handle::close);
    return host.asSlice(0, sizeBytes);
  }

  private long bytes(String name) {
    DataType type = engine.getTensorDataType(name);
    return switch (type) {
      case INT64 -> 8;
      case FLOAT, INT32 -> 4;
      case HALF, BF16 -> 2;
      case INT8, UINT8, BOOL, FP8 -> 1;
      case INT4, FP4, E8M0 ->
          throw new IllegalArgumentException(
              name + " is of type " + type + ", which the loop does not take");
    };
  }

  CudaStream stream() {
    return stream;
  }

  /** Enqueues a run. */
  void enqueue() {
    if (!execution.enqueueV3(streamRaw)) {
      log.check(false, "enqueueV3", "", "see what TensorRT logged");
    }
  }

  /** Enqueues the copies of all inputs. */
  void copyIn() {
    for (Tensor input : inputs) {
      int status =
          api.cuMemcpyHtoDAsync_v2(
              input.device, input.host.address(), input.host.byteSize(), streamRaw);
      CudaStatus.check(api, status, "cuMemcpyHtoDAsync_v2", input.name);
    }
  }

  /** Enqueues the copies of all outputs. */
  void copyOut() {
    for (Tensor output : outputs) {
      int status =
          api.cuMemcpyDtoHAsync_v2(
              output.host.address(), output.device, output.host.byteSize(), streamRaw);
      CudaStatus.check(api, status, "cuMemcpyDtoHAsync_v2", output.name);
    }
  }

  /** The outputs' pinned memory. */
  Map<String, MemorySegment> outputs() {
    Map<String, MemorySegment> byName = new LinkedHashMap<>();
    for (Tensor output : outputs) {
      byName.put(output.name, output.host.asReadOnly());
    }
    return byName;
  }

  /** Waits for what is enqueued, and frees everything, the youngest first. */
  @Override
  public void close() {
    if (stream != null && stream.isOpen()) {
      // Where this fails, so did what came before, which was told.
      api.cuStreamSynchronize(streamRaw);
    }
    while (!owned.isEmpty()) {
      owned.pop().run();
    }
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
