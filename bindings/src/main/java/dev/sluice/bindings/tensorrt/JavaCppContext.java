package dev.sluice.bindings.tensorrt;

import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorrt.nvinfer.Dims64;
import org.bytedeco.tensorrt.nvinfer.IExecutionContext;

/**
 * {@code nvinfer1::IExecutionContext}. JavaCPP's objects for addresses and streams are made once
 * and pointed elsewhere, so that a run takes no heap memory.
 *
 * <p>Thread safety: one thread at a time.
 */
final class JavaCppContext extends JavaCppObject<IExecutionContext>
    implements TensorRtApi.ExecutionContext {
  private final Address memory = new Address();
  private final Stream stream = new Stream();

  JavaCppContext(IExecutionContext context) {
    super(context, () -> {});
  }

  @Override
  public void setDeviceMemoryV2(long address, long sizeBytes) {
    use().setDeviceMemoryV2(memory.at(address), sizeBytes);
  }

  @Override
  public boolean setOptimizationProfileAsync(int profile, long handle) {
    return use().setOptimizationProfileAsync(profile, stream.at(handle));
  }

  @Override
  public boolean setInputShape(String input, long... dims) {
    try (Dims64 to = Dimensions.of(dims)) {
      return use().setInputShape(input, to);
    }
  }

  @Override
  public long[] getTensorShape(String name) {
    return Dimensions.take(use().getTensorShape(name));
  }

  @Override
  public long getMaxOutputSize(String output) {
    return use().getMaxOutputSize(output);
  }

  @Override
  public boolean setTensorAddress(String name, long address) {
    return use().setTensorAddress(name, memory.at(address));
  }

  @Override
  public boolean enqueueV3(long handle) {
    return use().enqueueV3(stream.at(handle));
  }

  /** A stream that somebody else owns, and that can be another one with the next call. */
  private static final class Stream extends CUstream_st {
    Stream() {
      super((Pointer) null);
    }

    Stream at(long handle) {
      address = handle;
      return this;
    }
  }
}
