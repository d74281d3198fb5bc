package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.function.Consumer;

/**
 * A C++ object of class {@code nvinfer1::IOutputAllocator} whose functions are Java's, for one
 * output. It declares, in {@code NvInferRuntime.h}: reallocateOutput, reallocateOutputAsync,
 * notifyShape.
 *
 * <p>A call makes no Java object, but for the array of dimensions where the rank is another than
 * before.
 *
 * <p>Thread safety: as its execution context.
 */
final class OutputAllocatorObject extends InterfaceObject {
  /** Every address: a shape is read through it without an object for each. */
  private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  /** {@code Dims64}: the rank, 4 bytes without a meaning, 8 dimensions. */
  private static final long DIMS_OFFSET = Long.BYTES;

  private static final int MAX_DIMS = 8;

  private final String output;
  private final TensorRtApi.OutputAllocator allocator;
  private final Consumer<String> errors;
  private long[] dims = {};
  private boolean failed;

  /**
   * Makes an object.
   *
   * @param output for messages
   * @param errors gets what the allocator throws
   */
  OutputAllocatorObject(
      String output, TensorRtApi.OutputAllocator allocator, Consumer<String> errors) {
    super(
        "IOutputAllocator",
        MethodHandles.lookup(),
        new Function(
            "reallocateOutput",
            FunctionDescriptor.of(
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG)),
        new Function(
            "reallocateOutputAsync",
            FunctionDescriptor.of(
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG)),
        new Function("notifyShape", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_LONG)));
    this.output = output;
    this.allocator = allocator;
    this.errors = errors;
  }

  /** Whether the allocator threw since the last call of this. */
  boolean hasFailed() {
    boolean was = failed;
    failed = false;
    return was;
  }

  /** The deprecated form: the memory is used in no stream that is known, so it is of none. */
  @SuppressWarnings("unused") // a stub
  private long reallocateOutput(long self, long name, long current, long sizeBytes, long align) {
    return reallocateOutputAsync(self, name, current, sizeBytes, align, 0);
  }

  @SuppressWarnings("unused") // a stub
  private long reallocateOutputAsync(
      long self, long name, long current, long sizeBytes, long alignment, long stream) {
    try {
      return allocator.reallocate(current, sizeBytes, alignment, stream);
    } catch (RuntimeException | Error e) {
      fail("reallocate", e);
      return 0;
    }
  }

  @SuppressWarnings("unused") // a stub
  private void notifyShape(long self, long name, long shape) {
    try {
      int rank = ALL.get(JAVA_INT, shape);
      if (rank < 0 || rank > MAX_DIMS) {
        throw new IllegalStateException("TensorRT tells a shape of " + rank + " dimensions");
      }
      if (dims.length != rank) {
        dims = new long[rank];
      }
      for (int i = 0; i < rank; i++) {
        dims[i] = ALL.get(JAVA_LONG, shape + DIMS_OFFSET + (long) i * Long.BYTES);
      }
      allocator.notifyShape(dims);
    } catch (RuntimeException | Error e) {
      fail("notifyShape", e);
    }
  }

  /** TensorRT's code lets no exception through: the process would end. */
  private void fail(String function, Throwable e) {
    failed = true;
    errors.accept("the allocator of output " + output + " failed in " + function + ": " + e);
  }
}
