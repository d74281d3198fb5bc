package dev.sluice.kernels;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.cuda.RealGpu;
import dev.sluice.kernels.compile.KernelCompiler;
import dev.sluice.kernels.compile.LoadedKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * More elements than an int counts, and more bytes. All of a tensor is one number, but for windows
 * at the start, where the bytes are more than 32 bits count, and at the end, which lies behind what
 * an int counts: these are random, and are compared.
 */
class HugeTensorsIT {
  private static final long N = (1L << 31) + 17;
  private static final int WINDOW = 4096;
  private static final long[] WINDOWS = {0, (1L << 30) - WINDOW / 2, (1L << 31) - WINDOW / 2};
  private static final float NUMBER = 1.5f;

  private final Random random = new Random(31);
  private Arena arena;
  private CudaApi api;
  private PrimaryContext context;
  private LoadedKernels kernels;
  private KernelCall call;
  private long source;
  private long target;

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  void open() {
    api = RealGpu.driverWithNvrtc();
    arena = Arena.ofConfined();
    context = PrimaryContext.enter(api, 0);
    MemorySegment free = arena.allocate(JAVA_LONG, 2);
    check(api.cuMemGetInfo_v2(free, free.asSlice(8)), "cuMemGetInfo_v2");
    long wanted = 6 * N + (1L << 30);
    if (free.get(JAVA_LONG, 0) < wanted) {
      skip(free.get(JAVA_LONG, 0) + " bytes of device memory are free; " + wanted + " are needed");
    }
    kernels = LoadedKernels.load(api, 0, new KernelCompiler());
    call = new KernelCall(kernels.multiprocessors());
    source = allocate(4 * N);
    check(api.cuMemsetD32Async(source, Float.floatToRawIntBits(NUMBER), N, 0), "cuMemsetD32Async");
    for (long window : WINDOWS) {
      MemorySegment part = arena.allocate(4L * length(window), 16);
      for (long i = 0; i < length(window); i++) {
        part.setAtIndex(Elements.F32, i, (float) random.nextGaussian() * 2);
      }
      check(api.cuMemcpyHtoD_v2(source + 4 * window, part, part.byteSize()), "cuMemcpyHtoD_v2");
    }
  }

  private static void skip(String reason) {
    System.out.println("skipped: " + reason);
    abort(reason);
  }

  @AfterEach
  void close() {
    if (call != null) {
      api.cuMemFree_v2(source);
      api.cuMemFree_v2(target);
      call.close();
      kernels.close();
    }
    if (context != null) {
      context.close();
      arena.close();
    }
  }

  private static int length(long window) {
    return (int) Math.min(WINDOW, N - window);
  }

  private void check(int status, String function) {
    CudaStatus.check(api, status, function, "");
  }

  private long allocate(long bytes) {
    MemorySegment out = arena.allocate(JAVA_LONG);
    check(api.cuMemAlloc_v2(out, bytes), "cuMemAlloc_v2");
    return out.get(JAVA_LONG, 0);
  }

  private MemorySegment download(long address, long bytes) {
    MemorySegment host = arena.allocate(bytes, 16);
    check(api.cuMemcpyDtoH_v2(host, address, bytes), "cuMemcpyDtoH_v2");
    return host;
  }

  private void launch() {
    kernels.launch(call, 0);
    check(api.cuCtxSynchronize(), "cuCtxSynchronize");
  }

  @Test
  void castsMoreThanAnIntCounts() {
    target = allocate(2 * N);
    check(api.cuMemsetD8Async(target, (byte) 0xff, 2 * N, 0), "cuMemsetD8Async");
    Cast.prepare(call, ElementType.FLOAT, ElementType.FLOAT16, source, target, N);
    launch();
    for (long window : WINDOWS) {
      int length = length(window);
      MemorySegment expected = arena.allocate(2L * length, 16);
      MemorySegment from = download(source + 4 * window, 4L * length);
      Cast.reference(ElementType.FLOAT, ElementType.FLOAT16, from, expected, length);
      assertThat(download(target + 2 * window, 2L * length).mismatch(expected))
          .as("first differing byte of the window at %d", window)
          .isEqualTo(-1);
    }
  }

  @Test
  void countsMoreThanAnIntCounts() {
    target = allocate(8);
    check(api.cuMemsetD8Async(target, (byte) 0, 8, 0), "cuMemsetD8Async");
    Observe.prepareSaturationCount(call, ElementType.FLOAT, source, target, N, 1);
    launch();
    MemorySegment expected = arena.allocate(8, 8);
    long rest = N;
    for (long window : WINDOWS) {
      MemorySegment part = download(source + 4 * window, 4L * length(window));
      Observe.saturationCount(ElementType.FLOAT, part, expected, length(window), 1);
      rest -= length(window);
    }
    assertThat(download(target, 8).get(Elements.I64, 0))
        .isEqualTo(rest + expected.get(Elements.I64, 0));
  }
}
