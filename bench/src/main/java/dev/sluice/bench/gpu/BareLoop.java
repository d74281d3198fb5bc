package dev.sluice.bench.gpu;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaEvent;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaGraph;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Runs a plan with nothing of the engine around it: one execution context, one stream, memory that
 * is made once, and a captured graph. What it takes is the floor that the engine is measured
 * against.
 *
 * <p><b>Device time</b> is what lies between two events around one launch. Before the first event
 * the stream gets a fill of device memory, so that the host has enqueued the timed launch when the
 * device comes to it, and an untimed launch, so that the caches hold what they hold in a row of
 * runs. Where the device was faster all the same, the repetition is counted in {@link Timing#late},
 * since it may have time of the host's in it.
 *
 * <p><b>End-to-end time</b> is the host's: from the first copy out of pinned memory to the end of
 * the last one into it, waited for by asking the stream again and again. <b>Copy time</b> is the
 * same without the launch.
 *
 * <p>The primary context of the plan's device is current on the thread, from {@link #open} to
 * {@link #close}.
 *
 * <p>Thread safety: for one thread.
 */
public final class BareLoop implements AutoCloseable {
  /** Assumed, not measured, to be long enough for the GPU's clocks and for Java's compiler. */
  private static final long WARM_UP_NS = 1_000_000_000;

  /** Assumed, not measured, to keep a GPU busy while four calls are enqueued: 20 us at 3 TB/s. */
  private static final long FILL_BYTES = 64 << 20;

  /**
   * An input of a run.
   *
   * <p>Thread safety: immutable.
   *
   * @param name as the plan has it
   * @param shape all of it, the rows included
   * @param data its elements, C order; copied when the loop is opened
   */
  public record Input(String name, Shape shape, MemorySegment data) {
    /** Checks that nothing is missing. */
    public Input {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(shape, "shape");
      Objects.requireNonNull(data, "data");
    }
  }

  /**
   * What was measured: medians over the repetitions.
   *
   * <p>Thread safety: immutable.
   *
   * @param noGraph why the runs were enqueued one by one; empty where a graph was launched
   * @param repetitions of each measurement
   * @param deviceUs microseconds of one run on the device; its events tell them in steps of about
   *     half a microsecond
   * @param late repetitions of the device time in which the device may have waited for the host
   * @param endToEndUs microseconds from the first copy to the end of the last
   * @param copyUs microseconds of the copies alone
   */
  public record Timing(
      String noGraph,
      int repetitions,
      double deviceUs,
      int late,
      double endToEndUs,
      double copyUs) {}

  private final CudaApi api;
  private final Deque<Runnable> owned = new ArrayDeque<>();
  private final BareContext context;
  private final CudaStream stream;
  private final long streamRaw;
  private final CudaEvent begin;
  private final CudaEvent end;
  private final long fill;
  private String noGraph = "";

  /** A {@code CUgraphExec}, or 0. */
  private final long graph;

  private BareLoop(CudaApi api, TensorRtApi tensorRt, MemorySegment plan, List<Input> inputs) {
    this.api = api;
    context = new BareContext(api, tensorRt, plan, inputs);
    owned.push(context::close);
    try {
      stream = context.stream();
      streamRaw = stream.raw();
      begin = CudaEvent.create(api, "begin", true);
      owned.push(begin::close);
      end = CudaEvent.create(api, "end", true);
      owned.push(end::close);
      DeviceMemory filled = DeviceMemory.allocate(api, "fill", FILL_BYTES);
      owned.push(filled::close);
      fill = filled.raw();
      // The first run of new shapes can't be captured.
      context.copyIn();
      context.enqueue();
      stream.await(CudaStream.Wait.BLOCK);
      graph = capture();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * Loads a plan and makes it ready for one set of shapes.
   *
   * @param plan a serialized engine in native memory; not needed afterwards
   * @param inputs one for each of the plan's
   * @throws IllegalArgumentException where the inputs are not the plan's, or no profile takes them
   * @throws NativeException where the driver or TensorRT refuses; nothing is held then
   */
  public static BareLoop open(
      CudaApi api, TensorRtApi tensorRt, MemorySegment plan, List<Input> inputs) {
    return new BareLoop(api, tensorRt, plan, inputs);
  }

  private long capture() {
    try (CudaGraph captured = stream.capture(context::enqueue)) {
      CudaGraph.Ready ready = captured.instantiate();
      owned.push(ready::close);
      return ready.raw();
    } catch (NativeException e) {
      if (e instanceof CudaException cuda && cuda.sort() == CudaStatus.Sort.DEVICE_LOST) {
        throw e;
      }
      noGraph = e.getMessage();
      return 0;
    }
  }

  /**
   * Warms up for a second, and measures.
   *
   * @param repetitions of each measurement, at least 1
   */
  public Timing measure(int repetitions) {
    return measure(repetitions, WARM_UP_NS);
  }

  /**
   * Warms up for some time, and measures.
   *
   * @param repetitions of each measurement, at least 1
   * @param warmUpNs nanoseconds; a loop that was measured a moment ago needs few
   */
  public Timing measure(int repetitions, long warmUpNs) {
    long startNs = System.nanoTime();
    while (System.nanoTime() - startNs < warmUpNs) {
      runNs(true);
      runNs(false);
    }
    double[] deviceUs = new double[repetitions];
    int late = 0;
    for (int i = 0; i < repetitions; i++) {
      late += enqueueTimed() ? 0 : 1;
      end.await();
      deviceUs[i] = end.msSince(begin) * 1e3;
    }
    double[] endToEndUs = new double[repetitions];
    double[] copyUs = new double[repetitions];
    for (int i = 0; i < repetitions; i++) {
      copyUs[i] = runNs(false) / 1e3;
      endToEndUs[i] = runNs(true) / 1e3;
    }
    return new Timing(
        noGraph, repetitions, median(deviceUs), late, median(endToEndUs), median(copyUs));
  }

  /** Enqueues a timed launch; whether it was there before the device came to it. */
  private boolean enqueueTimed() {
    check(api.cuMemsetD8Async(fill, (byte) 0, FILL_BYTES, streamRaw), "cuMemsetD8Async");
    launch();
    begin.record(stream);
    launch();
    boolean early = !begin.isDone();
    end.record(stream);
    return early;
  }

  private void launch() {
    if (graph != 0) {
      check(api.cuGraphLaunch(graph, streamRaw), "cuGraphLaunch");
    } else {
      context.enqueue();
    }
  }

  private long runNs(boolean launched) {
    long startNs = System.nanoTime();
    context.copyIn();
    if (launched) {
      launch();
    }
    context.copyOut();
    int status = api.cuStreamQuery(streamRaw);
    while (status == CudaApi.CUDA_ERROR_NOT_READY) {
      Thread.onSpinWait();
      status = api.cuStreamQuery(streamRaw);
    }
    check(status, "cuStreamQuery");
    return System.nanoTime() - startNs;
  }

  private void check(int status, String function) {
    CudaStatus.check(api, status, function, "bare loop");
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  /**
   * The outputs of the last {@link #measure} by name, C order, in pinned memory of this loop's: a
   * view that later measurements write to and {@link #close} ends.
   */
  public Map<String, MemorySegment> outputs() {
    return context.outputs();
  }

  /** Frees everything. Closing twice does nothing. */
  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().run();
    }
  }
}
