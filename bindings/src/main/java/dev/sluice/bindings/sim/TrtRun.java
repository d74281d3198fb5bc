package dev.sluice.bindings.sim;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtValue;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One run of a plan, with the addresses and shapes of its enqueue.
 *
 * <p>Thread safety: immutable.
 *
 * @param context the execution context's handle; a run after its close fails
 * @param bound inputs, then outputs
 * @param memory where activations lie
 * @param took gets the nanoseconds of each run; null where nobody asks
 */
record TrtRun(
    TrtEngine engine,
    NativeHandle context,
    List<Bound> bound,
    long memory,
    long memoryBytes,
    AtomicLong took)
    implements SimulatedKernel {
  /** What memory for activations holds after a run. */
  private static final byte SCRATCH = 0x5A;

  /** A tensor, where it lies and its shape, with -1 where any number will do. */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares or changes it
  record Bound(TrtTensor tensor, long address, long[] shape) {}

  @Override
  public int[] parameterBytes() {
    return new int[0];
  }

  @Override
  public void run(KernelLaunch launch) {
    context.enter();
    long beginNs = System.nanoTime();
    List<OrtValue> values = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      launch.device(memory, memoryBytes).fill(SCRATCH);
      for (Bound input : bound) {
        if (input.tensor.isInput()) {
          values.add(copy(launch, arena, input));
        }
      }
      List<OrtValue> results = engine.run(List.copyOf(values));
      values.addAll(results);
      int next = 0;
      for (Bound output : bound) {
        if (!output.tensor.isInput()) {
          write(launch, output, results.get(next++));
        }
      }
      if (took != null) {
        took.set(System.nanoTime() - beginNs);
      }
    } finally {
      values.forEach(OrtValue::close);
      context.leave();
    }
  }

  /** A copy, as memory that is freed meanwhile must not be under native code. */
  private static OrtValue copy(KernelLaunch launch, Arena arena, Bound input) {
    long sizeBytes = input.tensor.sizeBytes(input.shape);
    MemorySegment host = arena.allocate(Math.max(1, sizeBytes), 64);
    if (sizeBytes > 0) {
      host.copyFrom(launch.deviceInput(input.address, sizeBytes));
    }
    return OrtValue.tensor(OrtEnvironment.shared(), host, input.tensor.type(), input.shape);
  }

  private static void write(KernelLaunch launch, Bound output, OrtValue result) {
    List<Long> dims = result.info().dims();
    boolean fits = dims.size() == output.shape.length;
    for (int i = 0; fits && i < output.shape.length; i++) {
      fits = output.shape[i] == -1 || output.shape[i] == dims.get(i);
    }
    if (!fits) {
      throw new IllegalStateException(
          output.tensor.name()
              + " is "
              + dims
              + ", not "
              + Arrays.toString(output.shape)
              + ": it depends on data, or this changed since the enqueue");
    }
    MemorySegment data = result.data();
    if (data.byteSize() > 0) {
      launch.device(output.address, data.byteSize()).copyFrom(data);
    }
  }
}
