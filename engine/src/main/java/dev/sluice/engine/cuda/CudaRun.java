package dev.sluice.engine.cuda;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaGraph;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.tensorrt.TensorRtApi.ExecutionContext;
import dev.sluice.bindings.tensorrt.TensorRtException;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.stage.InputStep;
import dev.sluice.engine.stage.OutputStep;
import dev.sluice.engine.stage.StagePlan;
import dev.sluice.kernels.KernelCall;
import java.util.List;

/**
 * A run of one shape with a fixed number of rows on one lane: an execution context of its own,
 * since a context's shapes are part of a capture, and the graph that was captured from it: the
 * stages before the model, the model, and the stages after it.
 *
 * <p>The first run is enqueued as it is, which TensorRT asks for before a capture; the second is
 * captured, and from then on the graph is launched. Where the lane's memory moves the run is bound
 * anew, and that begins again. Where a capture is refused, runs are enqueued one by one for ever.
 *
 * <p>Thread safety: the lane's.
 */
final class CudaRun implements AutoCloseable {
  private final CudaBackend backend;
  private final StagePlan stages;
  private final List<InputStep> inputSteps;
  private final List<OutputStep> outputSteps;
  private final CudaStream stream;
  private final KernelCall call;
  private final LaneShape at;
  private final int rows;
  private final boolean mayCapture;

  /** By the model's outputs; null where the shape is fixed. */
  private final DynamicOutput[] dynamics;

  private final int profile;
  private final long activationBytes;
  private ExecutionContext context;
  private CudaGraph.Ready graph;
  private boolean warm;
  private boolean refused;
  private int epoch = -1;

  /** Neighbours in the lane's list, by their last use. */
  CudaRun older;

  CudaRun newer;

  /**
   * A run that was not bound to memory yet.
   *
   * @param call for the launches of stages; null where there are none
   */
  CudaRun(
      CudaBackend backend,
      LaneMemory memory,
      CudaStream stream,
      KernelCall call,
      LaneShape at,
      int rows)
      throws BackendException {
    this.backend = backend;
    this.stages = backend.plannedStages();
    this.inputSteps = stages.inputs();
    this.outputSteps = stages.outputs();
    this.stream = stream;
    this.call = call;
    this.at = at;
    this.rows = rows;
    this.dynamics = dynamics(memory);
    this.mayCapture = backend.options().maxGraphs() > 0 && at.shape.fixedOutputs;
    LoadedPlan plan = backend.plan();
    this.profile = plan.profile(at.shape.modelInputs(rows, stages.batched()));
    this.activationBytes = plan.activationBytes(profile);
    this.context = newContext();
    backend.counts().contexts.incrementAndGet();
    if (!at.shape.fixedOutputs) {
      backend.counts().refused(what(), "the shapes of its outputs depend on data");
    }
  }

  private DynamicOutput[] dynamics(LaneMemory memory) {
    DynamicOutput[] found = new DynamicOutput[stages.model().outputs().size()];
    for (int i = 0; i < found.length; i++) {
      if (at.shape.dynamic[i]) {
        found[i] = new DynamicOutput(memory.newLease(stages.model().outputs().get(i).name()));
      }
    }
    return found;
  }

  private String what() {
    return backend.plan() + " with " + rows + " rows of " + at.shape;
  }

  /** Where an output that callers see lies, if only the run tells its shape; else null. */
  DynamicOutput dynamic(int served) {
    int own = stages.modelOutput(served);
    return own < 0 ? null : dynamics[own];
  }

  private ExecutionContext newContext() {
    return backend.plan().newContext(profile, at.shape.modelInputs(rows, stages.batched()), stream);
  }

  LaneShape shape() {
    return at;
  }

  int rows() {
    return rows;
  }

  /**
   * Binds the context to the lane's memory, where that is another than before.
   *
   * @param mostRows that the shape has room for
   */
  void bind(LaneMemory memory, int mostRows) throws BackendException {
    if (isBound(memory, mostRows)) {
      return;
    }
    memory.reserveActivations(activationBytes);
    at.place(memory, mostRows);
    dropGraph();
    bindTensors(memory);
    // What a context puts off until it is enqueued must not become part of a capture.
    warm = false;
    epoch = memory.epoch();
  }

  /** Whether {@link #bind} has nothing to do. */
  boolean isBound(LaneMemory memory, int mostRows) {
    return epoch == memory.epoch() && mostRows <= at.capacityRows();
  }

  private void bindTensors(LaneMemory memory) {
    context.setDeviceMemoryV2(memory.activationAddress(), memory.activationBytes());
    List<TensorSpec> inputs = stages.model().inputs();
    for (int i = 0; i < inputs.size(); i++) {
      if (backend.plan().reads(i)) {
        bind(inputs.get(i), at.address[at.shape.modelInput[i]]);
      }
    }
    List<TensorSpec> outputs = stages.model().outputs();
    for (int i = 0; i < outputs.size(); i++) {
      if (dynamics[i] == null) {
        bind(outputs.get(i), at.address[at.shape.modelOutput[i]]);
      } else {
        String name = outputs.get(i).name();
        backend
            .plan()
            .log()
            .check(
                context.setOutputAllocator(name, dynamics[i]),
                "setOutputAllocator",
                name,
                "see the log of dev.sluice.tensorrt");
      }
    }
  }

  private void bind(TensorSpec tensor, long address) {
    backend
        .plan()
        .log()
        .check(
            context.setTensorAddress(tensor.name(), address),
            "setTensorAddress",
            tensor + " at 0x" + Long.toHexString(address),
            "see the log of dev.sluice.tensorrt");
  }

  /** Enqueues the run. Takes no heap memory once it is captured, or a capture was refused. */
  void enqueue(LaneMemory memory) {
    if (graph != null) {
      graph.launch(stream);
    } else if (!warm || refused || !mayCapture) {
      enqueueOnce();
      warm = true;
    } else if (capture(memory)) {
      graph.launch(stream);
    } else {
      refused = true;
      // What a failed capture leaves of a context is not documented. Its first run must be over.
      stream.await(CudaStream.Wait.BLOCK);
      context.close();
      context = newContext();
      bindTensors(memory);
      enqueueOnce();
    }
  }

  /** Whether the next run is what all later ones are. */
  boolean isReady() {
    return graph != null || refused || (warm && !mayCapture);
  }

  private void enqueueOnce() {
    CudaShape shape = at.shape;
    for (int i = 0; i < inputSteps.size(); i++) {
      InputStep step = inputSteps.get(i);
      int images = shape.servedInput[step.served()];
      step.prepare(
          call,
          at.address[images],
          step.sizes() < 0 ? 0 : at.address[shape.servedInput[step.sizes()]],
          at.address[shape.modelInput[step.model()]],
          rows * (shape.rowBytes[images] / step.stage().capacityBytes()));
      backend.kernels().launch(call, stream.raw());
    }
    if (!context.enqueueV3(stream.raw())) {
      throw failed();
    }
    for (int i = 0; i < outputSteps.size(); i++) {
      OutputStep step = outputSteps.get(i);
      int values = shape.servedOutput[step.values()];
      step.prepare(
          call,
          at.address[shape.modelOutput[step.model()]],
          at.address[values],
          at.address[shape.servedOutput[step.indices()]],
          rows * (shape.rowBytes[values] / ((long) Float.BYTES * step.stage().k())));
      backend.kernels().launch(call, stream.raw());
    }
  }

  private TensorRtException failed() {
    try {
      backend
          .plan()
          .log()
          .check(false, "enqueueV3", at.shape + ", " + rows + " rows", "see what it says");
      throw new AssertionError("a failed call is reported");
    } catch (TensorRtException e) {
      return e;
    }
  }

  /** Captures a run; false where that is refused, which is counted and logged. */
  private boolean capture(LaneMemory memory) {
    try (CudaGraph captured = memory.capture(stream, this::enqueueOnce)) {
      graph = captured.instantiate();
    } catch (NativeException e) {
      if (CudaBackend.isLost(e)) {
        throw e;
      }
      backend.counts().refused(what(), e.getMessage());
      return false;
    }
    backend.counts().captures.increment();
    backend.counts().graphs.incrementAndGet();
    return true;
  }

  private void dropGraph() {
    if (graph != null) {
      CudaGraph.Ready old = graph;
      graph = null;
      backend.counts().graphs.decrementAndGet();
      old.close();
    }
  }

  /** Gives graph and context up; the stream is done with them. */
  @Override
  public void close() {
    dropGraph();
    ExecutionContext old = context;
    context = null;
    if (old != null) {
      backend.counts().contexts.decrementAndGet();
      old.close();
    }
    for (DynamicOutput output : dynamics) {
      if (output != null) {
        output.close();
      }
    }
  }

  @Override
  public String toString() {
    return "run of " + rows + " rows of " + at.shape;
  }
}
