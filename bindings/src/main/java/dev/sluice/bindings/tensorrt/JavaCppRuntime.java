package dev.sluice.bindings.tensorrt;

import java.lang.foreign.MemorySegment;
import org.bytedeco.tensorrt.nvinfer.ICudaEngine;
import org.bytedeco.tensorrt.nvinfer.IRuntime;

/**
 * {@code nvinfer1::IRuntime}.
 *
 * <p>Thread safety: any thread.
 */
final class JavaCppRuntime extends JavaCppObject<IRuntime> implements TensorRtApi.Runtime {
  private final JavaCppLogger logger;

  /**
   * Owns a runtime.
   *
   * @param logger the one that it was made with, given back when it is closed
   */
  JavaCppRuntime(IRuntime runtime, JavaCppLogger logger) {
    super(runtime, logger::giveBack);
    this.logger = logger;
  }

  @Override
  public TensorRtApi.Engine deserializeCudaEngine(MemorySegment plan) {
    IRuntime runtime = use();
    Address bytes = Address.of(plan);
    ICudaEngine made = logger.within(() -> runtime.deserializeCudaEngine(bytes, plan.byteSize()));
    return isObject(made) ? new JavaCppEngine(made, logger) : null;
  }
}
