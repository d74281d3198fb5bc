package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaDriverApi;
import dev.sluice.bindings.cuda.CudaException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The driver's side of the probe: a stream, device memory for {@link ProbeModel}, two events and a
 * captured graph. The device's primary context must be current.
 *
 * <p>Thread safety: one thread, the one whose context is current.
 */
final class DeviceRun implements AutoCloseable {
  /** Work that goes into the stream. */
  interface Work {
    void enqueue() throws CudaException, ProbeSteps.Failure;
  }

  private final CudaDriverApi api;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment out = arena.allocate(JAVA_LONG);
  private long stream;
  private long input;
  private long output;
  private long begin;
  private long end;
  private long graph;
  private long graphExec;

  /** Allocates; whatever is held when that fails, {@link #close} frees. */
  static DeviceRun open(CudaDriverApi api) throws CudaException {
    DeviceRun run = new DeviceRun(api);
    try {
      run.allocate();
      return run;
    } catch (CudaException e) {
      run.close();
      throw e;
    }
  }

  private DeviceRun(CudaDriverApi api) {
    this.api = api;
  }

  private void allocate() throws CudaException {
    check(
        api.cuStreamCreate(out, CudaDriverApi.CU_STREAM_NON_BLOCKING),
        "cuStreamCreate(non-blocking)");
    stream = out.get(JAVA_LONG, 0);
    input = allocate(ProbeModel.INPUT_WIDTH);
    output = allocate(ProbeModel.OUTPUT_WIDTH);
    check(api.cuEventCreate(out, CudaDriverApi.CU_EVENT_DEFAULT), "cuEventCreate()");
    begin = out.get(JAVA_LONG, 0);
    check(api.cuEventCreate(out, CudaDriverApi.CU_EVENT_DEFAULT), "cuEventCreate()");
    end = out.get(JAVA_LONG, 0);
  }

  private long allocate(int width) throws CudaException {
    long sizeBytes = (long) ProbeModel.MAX_ROWS * width * Float.BYTES;
    check(api.cuMemAlloc_v2(out, sizeBytes), "cuMemAlloc_v2(" + sizeBytes + ")");
    return out.get(JAVA_LONG, 0);
  }

  long stream() {
    return stream;
  }

  long input() {
    return input;
  }

  long output() {
    return output;
  }

  /** Writes the input, has the work done and reads {@code count} floats of output. */
  float[] run(float[] x, int count, Work work) throws CudaException, ProbeSteps.Failure {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment host = call.allocateFrom(JAVA_FLOAT, x);
      check(
          api.cuMemcpyHtoDAsync_v2(input, host, host.byteSize(), stream),
          "cuMemcpyHtoDAsync_v2(" + host.byteSize() + ")");
      MemorySegment result = call.allocate(JAVA_FLOAT, count);
      try {
        work.enqueue();
        check(
            api.cuMemcpyDtoHAsync_v2(result, output, result.byteSize(), stream),
            "cuMemcpyDtoHAsync_v2(" + result.byteSize() + ")");
      } finally {
        // The copies still use the host memory, also when the work was refused.
        check(api.cuStreamSynchronize(stream), "cuStreamSynchronize()");
      }
      return result.toArray(JAVA_FLOAT);
    }
  }

  /** Records the work into a graph; nothing of it runs. */
  void capture(Work work) throws CudaException, ProbeSteps.Failure {
    check(
        api.cuStreamBeginCapture_v2(stream, CudaDriverApi.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cuStreamBeginCapture_v2(thread-local)");
    int status;
    try {
      work.enqueue();
    } finally {
      status = api.cuStreamEndCapture(stream, out);
      graph = out.get(JAVA_LONG, 0);
    }
    check(status, "cuStreamEndCapture()");
    check(api.cuGraphInstantiateWithFlags(out, graph, 0), "cuGraphInstantiateWithFlags()");
    graphExec = out.get(JAVA_LONG, 0);
  }

  /** Puts the captured graph into the stream. */
  void launchGraph() throws CudaException {
    check(api.cuGraphLaunch(graphExec, stream), "cuGraphLaunch()");
  }

  /** Time on the device of one piece of work, on average over a row of them. */
  double deviceUs(int repeats, Work work) throws CudaException, ProbeSteps.Failure {
    check(api.cuStreamSynchronize(stream), "cuStreamSynchronize()");
    check(api.cuEventRecord(begin, stream), "cuEventRecord(begin)");
    for (int i = 0; i < repeats; i++) {
      work.enqueue();
    }
    check(api.cuEventRecord(end, stream), "cuEventRecord(end)");
    check(api.cuEventSynchronize(end), "cuEventSynchronize(end)");
    check(api.cuEventElapsedTime_v2(out, begin, end), "cuEventElapsedTime_v2()");
    return out.get(JAVA_FLOAT, 0) * 1000.0 / repeats;
  }

  /** Time that the host spends until one piece of work is done, on average. */
  double roundTripUs(int repeats, Work work) throws CudaException, ProbeSteps.Failure {
    long startNs = System.nanoTime();
    for (int i = 0; i < repeats; i++) {
      work.enqueue();
      check(api.cuStreamSynchronize(stream), "cuStreamSynchronize()");
    }
    return (System.nanoTime() - startNs) / 1000.0 / repeats;
  }

  private void check(int status, String call) throws CudaException {
    CudaException.check(api, status, call);
  }

  /** Frees everything. A status here only repeats what an earlier call has reported. */
  @Override
  public void close() {
    if (graphExec != 0) {
      api.cuGraphExecDestroy(graphExec);
    }
    if (graph != 0) {
      api.cuGraphDestroy(graph);
    }
    if (end != 0) {
      api.cuEventDestroy_v2(end);
    }
    if (begin != 0) {
      api.cuEventDestroy_v2(begin);
    }
    if (output != 0) {
      api.cuMemFree_v2(output);
    }
    if (input != 0) {
      api.cuMemFree_v2(input);
    }
    if (stream != 0) {
      api.cuStreamDestroy_v2(stream);
    }
    arena.close();
  }
}
