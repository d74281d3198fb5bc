package dev.sluice.bench.gpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaDriverLoader;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.DriverProbe;
import dev.sluice.bindings.cuda.DriverReport;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.kernels.KernelCall;
import dev.sluice.kernels.compile.KernelCompiler;
import dev.sluice.kernels.compile.LoadedKernels;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What part of the copy bandwidth the kernels reach: events around single launches, interleaved
 * with copies of the same run, over data of several times the L2 cache; only the bytes count that a
 * kernel cannot avoid. Parts of each result are compared with the reference in Java.
 *
 * <p>A round queues a copy, then a timed copy, then the timed kernel, and waits once: the device is
 * busy when the first event comes, so that no time of the host's is counted.
 *
 * <p>Exit status: 0; 1 where a result is wrong, a kernel with a bar stays below it, or the GPU
 * can't be used. Without a GPU it says so and returns 0.
 *
 * <p>Thread safety: for one thread.
 */
public final class KernelBandwidth implements AutoCloseable {
  /** What kernels that do nothing but move bytes have to reach. */
  static final double BAR = 0.85;

  private static final int ROUNDS = 15;

  /** Assumed, not measured, to be long enough for an idle GPU to have its clocks up. */
  private static final long WARM_UP_NS = 300_000_000;

  private static final long L2_MULTIPLE = 5;

  /**
   * A line of the table.
   *
   * @param name of the case
   * @param bytes compulsory, of one launch
   * @param ms median of the launches
   * @param ratio of its bandwidth to the copy's
   * @param bar what the ratio must be; 0: none
   * @param limit what is expected to limit a kernel that has no bar
   */
  record Row(String name, long bytes, double ms, double ratio, double bar, String limit) {
    boolean ok() {
      return ratio >= bar;
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "%-48s %8.1f MB %9.4f ms %8.1f GB/s %6.3f of copy  %s",
          name,
          bytes / 1e6,
          ms,
          bytes / ms / 1e6,
          ratio,
          bar == 0
              ? "expected limit: " + limit
              : ok() ? "ok, bar " + bar : "BELOW the bar of " + bar);
    }
  }

  private final CudaApi api;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment out = arena.allocate(64, 8);
  private final PrimaryContext context;
  private final LoadedKernels kernels;
  private final KernelCall call;
  private final long stream;
  private final long begin;
  private final long middle;
  private final long end;
  final long source;
  final long target;
  final long extra;
  final long sizeBytes;

  KernelBandwidth(CudaApi api, KernelCompiler compiler, long minBytes) {
    this.api = api;
    check(api.cuInit(0), "cuInit");
    context = PrimaryContext.enter(api, 0);
    check(
        api.cuDeviceGetAttribute(out, CudaConstants.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 0),
        "cuDeviceGetAttribute");
    sizeBytes = minBytes > 0 ? minBytes : L2_MULTIPLE * out.get(JAVA_INT, 0);
    kernels = LoadedKernels.load(api, 0, compiler);
    call = new KernelCall(kernels.multiprocessors());
    check(
        api.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, 0),
        "cuStreamCreateWithPriority");
    stream = out.get(JAVA_LONG, 0);
    begin = event();
    middle = event();
    end = event();
    source = allocate(sizeBytes);
    // Bytes become floats, and the target of some cases begins one element later.
    target = allocate(4 * sizeBytes + Long.BYTES);
    extra = allocate(BandwidthCases.extraBytes(sizeBytes));
    BandwidthCases.fill(this);
    warmUp();
  }

  private void warmUp() {
    long start = System.nanoTime();
    while (System.nanoTime() - start < WARM_UP_NS) {
      copy();
      check(api.cuStreamSynchronize(stream), "cuStreamSynchronize");
    }
  }

  private void copy() {
    check(api.cuMemcpyDtoDAsync_v2(target, source, sizeBytes, stream), "cuMemcpyDtoDAsync_v2");
  }

  private long event() {
    check(api.cuEventCreate(out, CudaConstants.CU_EVENT_DEFAULT), "cuEventCreate");
    return out.get(JAVA_LONG, 0);
  }

  private long allocate(long bytes) {
    check(api.cuMemAlloc_v2(out, bytes), "cuMemAlloc_v2");
    return out.get(JAVA_LONG, 0);
  }

  private void check(int status, String function) {
    CudaStatus.check(api, status, function, "");
  }

  KernelCall call() {
    return call;
  }

  /** In order with the launches: a stream that blocks no other does not wait for the legacy one. */
  void upload(long address, MemorySegment bytes) {
    check(
        api.cuMemcpyHtoDAsync_v2(address, bytes.address(), bytes.byteSize(), stream),
        "cuMemcpyHtoDAsync_v2");
    check(api.cuStreamSynchronize(stream), "cuStreamSynchronize");
  }

  void download(MemorySegment host, long address) {
    check(
        api.cuMemcpyDtoHAsync_v2(host.address(), address, host.byteSize(), stream),
        "cuMemcpyDtoHAsync_v2");
    check(api.cuStreamSynchronize(stream), "cuStreamSynchronize");
  }

  void launch() {
    kernels.launch(call, stream);
    check(api.cuStreamSynchronize(stream), "cuStreamSynchronize");
  }

  private void record(long event) {
    check(api.cuEventRecord(event, stream), "cuEventRecord");
  }

  private double ms(long from, long to) {
    check(api.cuEventElapsedTime_v2(out, from, to), "cuEventElapsedTime_v2");
    // A simulated device may be done within one tick of its clock.
    return Math.max(1e-6, out.get(JAVA_FLOAT, 0));
  }

  /** Times what {@link #call} is prepared for, with copies in between. */
  Row time(String name, long bytes, double bar, String limit) {
    double[] kernel = new double[ROUNDS];
    double[] copy = new double[ROUNDS];
    for (int i = -3; i < ROUNDS; i++) {
      copy();
      record(begin);
      copy();
      record(middle);
      kernels.launch(call, stream);
      record(end);
      check(api.cuEventSynchronize(end), "cuEventSynchronize");
      if (i >= 0) {
        copy[i] = ms(begin, middle);
        kernel[i] = ms(middle, end);
      }
    }
    double ms = median(kernel);
    double copyBandwidth = 2.0 * sizeBytes / median(copy);
    return new Row(name, bytes, ms, bytes / ms / copyBandwidth, bar, limit);
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  @Override
  public void close() {
    call.close();
    kernels.close();
    api.cuStreamDestroy_v2(stream);
    api.cuEventDestroy_v2(begin);
    api.cuEventDestroy_v2(middle);
    api.cuEventDestroy_v2(end);
    api.cuMemFree_v2(source);
    api.cuMemFree_v2(target);
    api.cuMemFree_v2(extra);
    context.close();
    arena.close();
  }

  /** Runs it on this machine's GPU. */
  public static void main(String[] args) {
    CudaDriverLoader.Result loaded = CudaDriverLoader.load();
    DriverReport report = DriverProbe.probe(loaded);
    String reason = report.missing() + "; " + report.remedy();
    switch (report.status()) {
      case READY -> {}
      case NO_DRIVER, NO_DEVICE -> {
        System.out.println("skipped, no GPU: " + reason);
        return;
      }
      default -> {
        System.out.println("the GPU cannot be used: " + reason);
        System.exit(1);
      }
    }
    System.out.println(report.devices().getFirst() + ", driver " + report.release().orElse("?"));
    System.exit(print(loaded.api().orElseThrow(), new KernelCompiler(), 0, System.out));
  }

  /** Runs every case, and prints each as it comes; the exit status. */
  static int print(CudaApi api, KernelCompiler compiler, long minBytes, PrintStream to) {
    List<Row> rows = new ArrayList<>();
    List<RuntimeException> failures = new ArrayList<>();
    try (KernelBandwidth bandwidth = new KernelBandwidth(api, compiler, minBytes)) {
      BandwidthCases.all(
          bandwidth,
          row -> {
            rows.add(row);
            to.println(row);
          },
          failure -> {
            failures.add(failure);
            to.println("FAILED " + failure.getMessage());
          });
    }
    long below = rows.stream().filter(row -> !row.ok()).count();
    to.println(
        rows.size()
            + " cases right, "
            + below
            + " below their bar, "
            + failures.size()
            + " failed");
    return status(rows, failures);
  }

  /** The exit status: 1 where one row is below its bar, or one case failed. */
  static int status(List<Row> rows, List<RuntimeException> failures) {
    return rows.stream().allMatch(Row::ok) && failures.isEmpty() ? 0 : 1;
  }
}
