package dev.sluice.bindings.tensorrt;

import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.nvinfer.Dims2;
import org.bytedeco.tensorrt.nvinfer.ICudaEngine;
import org.bytedeco.tensorrt.nvinfer.IExecutionContext;
import org.bytedeco.tensorrt.nvinfer.IHostMemory;
import org.bytedeco.tensorrt.nvinfer.IRuntime;

/**
 * From a plan to a context that enqueues; one method a step.
 *
 * <p>Thread safety: one thread.
 */
final class ProbeEngine {
  private final CollectingLogger logger;
  private IRuntime runtime;
  private ICudaEngine engine;
  private IExecutionContext context;
  private CUstream_st stream;

  ProbeEngine(CollectingLogger logger) {
    this.logger = logger;
  }

  String createRuntime() throws ProbeSteps.Failure {
    IRuntime created = nvinfer.createInferRuntime(logger);
    logger.checkSilent(
        "createInferRuntime()",
        !ProbePlan.isNull(created),
        "check that the driver answers and that libnvinfer is complete");
    runtime = created;
    return "made";
  }

  String deserialize(IHostMemory plan) throws ProbeSteps.Failure {
    ICudaEngine made = runtime.deserializeCudaEngine(plan.data(), plan.size());
    logger.checkSilent(
        "deserializeCudaEngine(" + plan.size() + " bytes)",
        !ProbePlan.isNull(made),
        "the plan does not fit this TensorRT or this GPU");
    engine = made;
    return engine.getNbIOTensors() + " tensors";
  }

  String createContext() throws ProbeSteps.Failure {
    IExecutionContext made = engine.createExecutionContext();
    logger.checkSilent(
        "createExecutionContext()", !ProbePlan.isNull(made), "check that device memory is free");
    context = made;
    return "made";
  }

  /** Binds the context to memory, a shape and a stream. */
  void bind(DeviceRun device, int rows) throws ProbeSteps.Failure {
    boolean bound;
    try (Dims2 dims = new Dims2(rows, ProbeModel.INPUT_WIDTH)) {
      bound =
          context.setInputShape(ProbeModel.INPUT, dims)
              && context.setTensorAddress(ProbeModel.INPUT, new Address(device.input()))
              && context.setTensorAddress(ProbeModel.OUTPUT, new Address(device.output()));
    }
    logger.check("setInputShape, setTensorAddress", bound, "this is a bug of the probe");
    stream = new CUstream_st(new Address(device.stream()));
  }

  void enqueue() throws ProbeSteps.Failure {
    boolean enqueued = context.enqueueV3(stream);
    logger.check("enqueueV3()", enqueued, "see TensorRT's own words");
  }

  /** What must be destroyed, in this order. */
  Pointer[] owned() {
    return new Pointer[] {context, engine, runtime};
  }

  /** A pointer to memory that somebody else owns. */
  private static final class Address extends Pointer {
    Address(long address) {
      this.address = address;
    }
  }
}
