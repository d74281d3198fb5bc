package dev.sluice.bindings.tensorrt;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * From a plan to a context that enqueues; one method a step.
 *
 * <p>Thread safety: one thread.
 */
final class ProbeEngine implements AutoCloseable {
  private final TensorRtApi api;
  private final TensorRtLog log = new TensorRtLog("probe's runtime");
  private final Deque<TensorRtApi.Resource> owned = new ArrayDeque<>();
  private TensorRtApi.Runtime runtime;
  private TensorRtApi.Engine engine;
  private TensorRtApi.ExecutionContext context;
  private long stream;

  ProbeEngine(TensorRtApi api) {
    this.api = api;
  }

  String createRuntime() {
    runtime =
        own(
            log.made(
                api.createInferRuntime(log),
                "createInferRuntime",
                "",
                "check that the driver answers and that libnvinfer is complete"));
    return "made";
  }

  String deserialize(MemorySegment plan) {
    engine =
        own(
            log.made(
                runtime.deserializeCudaEngine(plan),
                "deserializeCudaEngine",
                plan.byteSize() + " bytes",
                "the plan does not fit this TensorRT or this GPU"));
    return engine.getNbIOTensors() + " tensors";
  }

  String createContext() {
    context =
        own(
            log.made(
                engine.createExecutionContext(),
                "createExecutionContext",
                "without device memory",
                "check that memory is free"));
    return "made";
  }

  /** The engine; only after {@link #deserialize} succeeded. */
  TensorRtApi.Engine engine() {
    return engine;
  }

  /** Binds the context to memory, a shape and a stream. */
  void bind(DeviceRun device, int rows) {
    long sizeBytes = engine.getDeviceMemorySizeForProfileV2(0);
    context.setDeviceMemoryV2(device.activations(sizeBytes), sizeBytes);
    stream = device.stream();
    boolean bound =
        context.setOptimizationProfileAsync(0, stream)
            && context.setInputShape(ProbeModel.INPUT, rows, ProbeModel.INPUT_WIDTH)
            && context.setTensorAddress(ProbeModel.INPUT, device.input())
            && context.setTensorAddress(ProbeModel.OUTPUT, device.output());
    log.check(bound, "setInputShape", rows + " rows", "this is a bug of the probe");
  }

  void enqueue() {
    if (!context.enqueueV3(stream)) {
      log.check(false, "enqueueV3", "", "see TensorRT's own words");
    }
  }

  private <T extends TensorRtApi.Resource> T own(T made) {
    owned.push(made);
    return made;
  }

  /** Deletes everything, the youngest first. */
  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
