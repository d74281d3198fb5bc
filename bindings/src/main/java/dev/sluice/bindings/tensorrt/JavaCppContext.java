package dev.sluice.bindings.tensorrt;

import java.util.HashMap;
import java.util.Map;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorrt.nvinfer.Dims64;
import org.bytedeco.tensorrt.nvinfer.IExecutionContext;
import org.bytedeco.tensorrt.nvinfer.IOutputAllocator;
import org.bytedeco.tensorrt.nvinfer.IProfiler;

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
  private final JavaCppLogger logger;
  private ProfilerObject profiler;

  /** Of each output that has one. */
  private final Map<String, OutputAllocatorObject> allocators = new HashMap<>();

  /** The same in an array, which a run goes through without an iterator. */
  private OutputAllocatorObject[] allAllocators = {};

  /**
   * Owns a context.
   *
   * @param logger its runtime's
   */
  JavaCppContext(IExecutionContext context, JavaCppLogger logger) {
    super(context, () -> {});
    this.logger = logger;
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
  public boolean setOutputAllocator(String output, TensorRtApi.OutputAllocator allocator) {
    IExecutionContext context = use();
    OutputAllocatorObject made =
        allocator.equals(TensorRtApi.OutputAllocator.NONE)
            ? null
            : new OutputAllocatorObject(output, allocator, logger::error);
    IOutputAllocator theirs =
        made == null ? null : new IOutputAllocator(new Address(made.address()));
    if (!context.setOutputAllocator(output, theirs)) {
      if (made != null) {
        made.close();
      }
      return false;
    }
    OutputAllocatorObject former =
        made == null ? allocators.remove(output) : allocators.put(output, made);
    allAllocators = allocators.values().toArray(OutputAllocatorObject[]::new);
    if (former != null) {
      former.close();
    }
    return true;
  }

  @Override
  public void setProfiler(TensorRtApi.Profiler listener) {
    IExecutionContext context = use();
    ProfilerObject former = profiler;
    if (listener.equals(TensorRtApi.Profiler.NONE)) {
      context.setProfiler(null);
      profiler = null;
    } else {
      profiler = new ProfilerObject(listener, logger::error);
      context.setProfiler(new IProfiler(new Address(profiler.address())));
    }
    if (former != null) {
      former.close();
    }
  }

  @Override
  public void setEnqueueEmitsProfile(boolean emits) {
    use().setEnqueueEmitsProfile(emits);
  }

  @Override
  public boolean reportToProfiler() {
    return use().reportToProfiler();
  }

  @Override
  public boolean enqueueV3(long handle) {
    boolean enqueued = use().enqueueV3(stream.at(handle));
    for (OutputAllocatorObject allocator : allAllocators) {
      enqueued &= !allocator.hasFailed();
    }
    return enqueued;
  }

  @Override
  public void close() {
    super.close();
    allocators.values().forEach(OutputAllocatorObject::close);
    if (profiler != null) {
      profiler.close();
    }
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
