package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaHandles;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.LongToIntFunction;

/**
 * The driver's side of the probe: a stream, device memory for {@link ProbeModel}, two events and a
 * captured graph. The device's primary context must be current.
 *
 * <p>Thread safety: one thread, the one whose context is current.
 */
final class DeviceRun implements AutoCloseable {
  /** Work that goes into the stream. */
  interface Work {
    void enqueue() throws ProbeSteps.Failure;
  }

  private final CudaApi api;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment out = arena.allocate(JAVA_LONG);
  private final Deque<NativeHandle> owned = new ArrayDeque<>();
  private final NativeHandle stream;
  private final NativeHandle input;
  private final NativeHandle output;
  private final NativeHandle begin;
  private final NativeHandle end;
  private NativeHandle graphExec;

  /**
   * Allocates.
   *
   * @throws NativeException where the device refuses; nothing is held then
   */
  DeviceRun(CudaApi api) {
    this.api = api;
    try {
      check(
          api.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, 0),
          "cuStreamCreateWithPriority",
          "non-blocking, priority 0");
      stream = own("CUstream", "cuStreamDestroy_v2", api::cuStreamDestroy_v2);
      input = allocate(ProbeModel.INPUT, ProbeModel.INPUT_WIDTH);
      output = allocate(ProbeModel.OUTPUT, ProbeModel.OUTPUT_WIDTH);
      begin = event();
      end = event();
    } catch (NativeException e) {
      close();
      throw e;
    }
  }

  private NativeHandle allocate(String label, int width) {
    long sizeBytes = (long) ProbeModel.MAX_ROWS * width * Float.BYTES;
    check(api.cuMemAlloc_v2(out, sizeBytes), "cuMemAlloc_v2", label + ", " + sizeBytes + " bytes");
    return own("CUdeviceptr", "cuMemFree_v2", api::cuMemFree_v2);
  }

  private NativeHandle event() {
    check(api.cuEventCreate(out, CudaConstants.CU_EVENT_DEFAULT), "cuEventCreate", "default");
    return own("CUevent", "cuEventDestroy_v2", api::cuEventDestroy_v2);
  }

  /** Memory for what a context needs beside its inputs and outputs; 0 where that is nothing. */
  long activations(long sizeBytes) {
    if (sizeBytes == 0) {
      return 0;
    }
    check(
        api.cuMemAlloc_v2(out, sizeBytes), "cuMemAlloc_v2", "activations, " + sizeBytes + " bytes");
    return own("CUdeviceptr", "cuMemFree_v2", api::cuMemFree_v2).raw();
  }

  /** Owns what the last call wrote. */
  private NativeHandle own(String kind, String function, LongToIntFunction release) {
    NativeHandle handle =
        CudaHandles.own(api, kind, "probe", out.get(JAVA_LONG, 0), function, release);
    owned.push(handle);
    return handle;
  }

  long stream() {
    return stream.raw();
  }

  long input() {
    return input.raw();
  }

  long output() {
    return output.raw();
  }

  /** Writes the input, has the work done and reads {@code count} floats of output. */
  float[] run(float[] x, int count, Work work) throws ProbeSteps.Failure {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment host = call.allocateFrom(JAVA_FLOAT, x);
      check(
          api.cuMemcpyHtoDAsync_v2(input.raw(), host.address(), host.byteSize(), stream.raw()),
          "cuMemcpyHtoDAsync_v2",
          host.byteSize() + " bytes");
      MemorySegment result = call.allocate(JAVA_FLOAT, count);
      try {
        work.enqueue();
        check(
            api.cuMemcpyDtoHAsync_v2(
                result.address(), output.raw(), result.byteSize(), stream.raw()),
            "cuMemcpyDtoHAsync_v2",
            result.byteSize() + " bytes");
      } finally {
        // The copies still use the host memory, also when the work was refused.
        check(api.cuStreamSynchronize(stream.raw()), "cuStreamSynchronize", "");
      }
      return result.toArray(JAVA_FLOAT);
    }
  }

  /** Records the work into a graph; nothing of it runs. */
  void capture(Work work) throws ProbeSteps.Failure {
    check(
        api.cuStreamBeginCapture_v2(
            stream.raw(), CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cuStreamBeginCapture_v2",
        "thread-local");
    int status;
    out.set(JAVA_LONG, 0, 0);
    try {
      work.enqueue();
    } finally {
      status = api.cuStreamEndCapture(stream.raw(), out);
      if (out.get(JAVA_LONG, 0) != 0) {
        own("CUgraph", "cuGraphDestroy", api::cuGraphDestroy);
      }
    }
    check(status, "cuStreamEndCapture", "");
    long graph = out.get(JAVA_LONG, 0);
    check(api.cuGraphInstantiateWithFlags(out, graph, 0), "cuGraphInstantiateWithFlags", "0");
    graphExec = own("CUgraphExec", "cuGraphExecDestroy", api::cuGraphExecDestroy);
  }

  /** Puts the captured graph into the stream. */
  void launchGraph() {
    check(api.cuGraphLaunch(graphExec.raw(), stream.raw()), "cuGraphLaunch", "");
  }

  /** Time on the device of one piece of work, on average over a row of them. */
  double deviceUs(int repeats, Work work) throws ProbeSteps.Failure {
    check(api.cuStreamSynchronize(stream.raw()), "cuStreamSynchronize", "");
    check(api.cuEventRecord(begin.raw(), stream.raw()), "cuEventRecord", "begin");
    for (int i = 0; i < repeats; i++) {
      work.enqueue();
    }
    check(api.cuEventRecord(end.raw(), stream.raw()), "cuEventRecord", "end");
    check(api.cuEventSynchronize(end.raw()), "cuEventSynchronize", "end");
    check(api.cuEventElapsedTime_v2(out, begin.raw(), end.raw()), "cuEventElapsedTime_v2", "");
    return out.get(JAVA_FLOAT, 0) * 1000.0 / repeats;
  }

  /** Time that the host spends until one piece of work is done, on average. */
  double roundTripUs(int repeats, Work work) throws ProbeSteps.Failure {
    long startNs = System.nanoTime();
    for (int i = 0; i < repeats; i++) {
      work.enqueue();
      check(api.cuStreamSynchronize(stream.raw()), "cuStreamSynchronize", "");
    }
    return (System.nanoTime() - startNs) / 1000.0 / repeats;
  }

  private void check(int status, String function, String arguments) {
    CudaStatus.check(api, status, function, arguments);
  }

  /** Frees everything, the youngest first. */
  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
    arena.close();
  }
}
