package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.sun.management.ThreadMXBean;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.cpu.CpuOptions;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaEvent;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.sim.SimulatedCuda;
import java.util.Map;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.cuda.GpuModel;
import dev.sluice.engine.cuda.QuietCuda;
import dev.sluice.engine.cuda.SimulatedGpu;
import dev.sluice.engine.memory.DeviceLease;
import dev.sluice.engine.memory.DevicePool;
import dev.sluice.engine.memory.MemoryBudget;
import dev.sluice.engine.memory.PinnedLease;
import dev.sluice.engine.memory.PinnedPool;
import dev.sluice.engine.memory.StreamMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The allocation gate: no heap memory per inference in steady state, for platform callers direct
 * and batched, and for virtual callers direct. A virtual caller that waits costs what the JDK's own
 * park costs, which is measured beside it.
 *
 * <p>A window now and then catches an allocation that nothing in the loop makes (the JIT compiler
 * deoptimising, a class being linked), so each figure is the least of several windows; the failing
 * twin shows that a loop which does allocate is caught all the same.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class AllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final Duration WAIT = Duration.ofSeconds(10);
  private static final int WARM_UP = 30_000;
  private static final int WINDOW = 5_000;
  private static final int WINDOWS = 10;
  private static final int CALLERS = 8;

  /** One request. */
  @FunctionalInterface
  private interface Call {
    void call() throws Exception;
  }

  @BeforeAll
  static void unchecked() {
    assumeFalse(
        Engine.CHECKED, "checked mode gives every request an arena of its own, on the heap");
  }

  private static Engine engine(int maxBatch, int lanes) throws Exception {
    return engine(maxBatch, lanes, 0);
  }

  private static Engine engine(int maxBatch, int lanes, int soloBuffers) throws Exception {
    return Engine.over(
        new FakeBackend(1, (lane, memory, rows) -> {}),
        true,
        EngineOptions.builder().maxBatch(maxBatch).lanes(lanes).soloBuffers(soloBuffers).build());
  }

  private static Call steady(Engine engine) {
    Request request = engine.newRequest();
    return () -> {
      if (!request.claim(1, WAIT).admitted()) {
        throw new AssertionError("refused");
      }
      request.input(0).set(LONG, 0, 42);
      check(request.run().output(0).get(LONG, 0));
      request.close();
    };
  }

  /** Several rows of images, each of the size that the stage wants. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "x=u8,letterbox=4x4,max=8x8|FLOAT|7|5|1",
        "x=u8,letterbox=4x4,max=8x8|FLOAT16|7|5|3",
        "x=u8,resize=4x4,max=8x8,order=bgr|FLOAT|5|7|3",
        "x=u8,resize=4x4,size=6x6|FLOAT16|6|6|2",
        "x=u8|FLOAT|4|4|4",
      })
  void stagesAllocateNothing(String stage, ElementType type, int height, int width, int rows)
      throws Exception {
    byte[] image = new byte[height * width * 3];
    Arrays.fill(image, (byte) 200);
    try (Engine engine = StagedEngines.pixels(stage, type, true, StagedEngines.options())) {
      Request request = engine.newRequest();
      Call call =
          () -> {
            if (!request.claim(rows, WAIT).admitted()) {
              throw new AssertionError("refused");
            }
            for (int row = 0; row < rows; row++) {
              request.image(0).put(row, height, width, image);
            }
            MemorySegment out = request.run().output(0);
            // The second column is covered by images of any shape.
            long last = (rows - 1) * 48L + 5;
            float value =
                type == ElementType.FLOAT
                    ? out.getAtIndex(ValueLayout.JAVA_FLOAT, last)
                    : Float.float16ToFloat(out.getAtIndex(ValueLayout.JAVA_SHORT, last));
            request.close();
            if (value != 200) {
              throw new AssertionError("wrong answer " + value);
            }
          };
      assertThat(leastBytesPerCall(call)).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({"softmax_topk:3,y.indices,2", "topk:3,y.indices,1", "argmax,y.index,3"})
  void outputStagesAllocateNothing(String stage, String index, int rows) throws Exception {
    try (Engine engine = StagedEngines.scores("y=" + stage, 10, true)) {
      int output = engine.signature().outputIndex(index);
      Request request = engine.newRequest();
      Call call =
          () -> {
            if (!request.claim(rows, WAIT).admitted()) {
              throw new AssertionError("refused");
            }
            MemorySegment in = request.input(0);
            for (int i = 0; i < 10 * rows; i++) {
              in.setAtIndex(ValueLayout.JAVA_FLOAT, i, i * 7 % 10);
            }
            int best = request.run().output(output).getAtIndex(ValueLayout.JAVA_INT, 0);
            request.close();
            if (best != 7) {
              throw new AssertionError("wrong answer " + best);
            }
          };
      assertThat(leastBytesPerCall(call)).isZero();
    }
  }

  private static void check(long answer) {
    if (answer != FakeBackend.answer(42)) {
      throw new AssertionError("wrong answer " + answer);
    }
  }

  @Test
  void aPlatformCallerAllocatesNothing() throws Exception {
    try (Engine engine = engine(8, 1)) {
      assertThat(leastBytesPerCall(steady(engine))).isZero();
    }
  }

  @Test
  void aPaddedCallerAllocatesNothing() throws Exception {
    MemorySegment graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", "T", 2)
            .output("y", ElementType.FLOAT, "N", "T", 2)
            .node("Relu", "x", "y")
            .build();
    Manifest.Padding padding =
        new Manifest.Padding(
            List.of(new Manifest.PadRule("x", 1, List.of(8L), 0, null)),
            List.of(new Manifest.PadCut("y", 1, "x", 1)));
    try (Arena arena = Arena.ofConfined();
        Engine engine =
            new Engine(
                CpuBackend.open(CpuModel.inline(graph, true), CpuOptions.defaults()),
                true,
                4,
                1,
                null,
                EngineOptions.builder().maxBatch(4).lanes(1).build(),
                padding)) {
      Request request = engine.newRequest(Map.of("x", Shape.of(1, 5, 2)));
      MemorySegment rows = arena.allocate(2 * 5 * 2 * Float.BYTES, 8);
      rows.fill((byte) 1);
      MemorySegment answer = arena.allocate(rows.byteSize(), 8);
      Call call =
          () -> {
            if (!request.claim(2, WAIT).admitted()) {
              throw new AssertionError("refused");
            }
            request.write(0, rows);
            request.run().read(0, answer);
            request.close();
          };
      assertThat(leastBytesPerCall(call)).isZero();
      assertThat(answer.mismatch(rows)).isEqualTo(-1);
    }
  }

  /** Over a driver that takes no heap memory itself, and does nothing. */
  @Test
  void aCallerOnAGpuAllocatesNothing() throws Exception {
    try (SimulatedGpu gpu = new SimulatedGpu()) {
      GpuLibraries quiet =
          GpuLibraries.of(QuietCuda.over(gpu.cuda), gpu.tensorRt, gpu.libraries.kernels());
      try (Engine engine =
          Engine.over(
              GpuModel.columns(4).open(quiet, CudaOptions.defaults(), true),
              true,
              EngineOptions.builder().maxBatch(4).lanes(1).build())) {
        Request request = engine.newRequest(Map.of("x", Shape.of(1, 3)));
        Call call =
            () -> {
              if (!request.claim(2, WAIT).admitted()) {
                throw new AssertionError("refused");
              }
              request.input(0).set(ValueLayout.JAVA_FLOAT, 0, 42);
              var _ = request.run();
              request.close();
            };
        for (int i = 0; i < 20; i++) {
          call.call();
        }
        QuietCuda.setQuiet(true);
        try {
          assertThat(leastBytesPerCall(call)).isZero();
        } finally {
          QuietCuda.setQuiet(false);
        }
      }
      gpu.assertClean();
    }
  }

  @Test
  void aScopedCallAllocatesNothing() throws Exception {
    try (Engine engine = engine(8, 1)) {
      Call scoped =
          () -> {
            Boolean right =
                engine.call(
                    1,
                    in -> in.input(0).set(LONG, 0, 42),
                    out -> out.output(0).get(LONG, 0) == FakeBackend.answer(42));
            if (!right) {
              throw new AssertionError("wrong answer");
            }
          };
      assertThat(leastBytesPerCall(scoped)).isZero();
    }
  }

  @Test
  void aHandlePerCallIsCaught() throws Exception {
    try (Engine engine = engine(8, 1)) {
      Call allocating =
          () -> {
            try (Request request = engine.claim(1)) {
              request.input(0).set(LONG, 0, 42);
              check(request.run().output(0).get(LONG, 0));
            }
          };
      assertThat(leastBytesPerCall(allocating)).isPositive();
    }
  }

  private static double leastBytesPerCall(Call call) throws Exception {
    for (int i = 0; i < WARM_UP; i++) {
      call.call();
    }
    long least = Long.MAX_VALUE;
    for (int w = 0; w < WINDOWS; w++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < WINDOW; i++) {
        call.call();
      }
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    return (double) least / WINDOW;
  }

  @Test
  void callersWithBuffersOfTheirOwnAllocateNothing() throws Exception {
    try (Engine engine = engine(8, 1, CALLERS)) {
      assertThat(leastBytesPerCall(steady(engine))).isZero();
      assertThat(leastBytesOfManyCallers(() -> steady(engine))).isZero();
      assertThat(engine.stats().batchRows().max()).isEqualTo(1);
      double[] bytes = new double[1];
      onVirtualThreads(1, () -> bytes[0] = leastTotalBytesPerCall(steady(engine)));
      // It yields once in 64 calls, and a yield is a continuation's.
      assertThat(bytes[0]).isLessThan(8);
    }
  }

  @Test
  void batchedPlatformCallersAllocateNothing() throws Exception {
    try (Engine engine = engine(CALLERS / 2, 1)) {
      assertThat(leastBytesOfManyCallers(() -> steady(engine))).isZero();
      assertThat(engine.stats().batchRows().max()).isGreaterThan(1);
    }
  }

  @Test
  void batchedCallersThatAllocateAreCaught() throws Exception {
    try (Engine engine = engine(CALLERS / 2, 1)) {
      long bytes =
          leastBytesOfManyCallers(() ->
              () -> {
                try (Request request = engine.claim(1)) {
                  request.input(0).set(LONG, 0, 42);
                  check(request.run().output(0).get(LONG, 0));
                }
              });
      assertThat(bytes).isPositive();
    }
  }

  /** Makes the call of one caller. */
  @FunctionalInterface
  private interface CallFactory {
    Call make();
  }

  /** The least sum over all callers of a window; each counts its own thread's bytes. */
  private static long leastBytesOfManyCallers(CallFactory factory) throws Exception {
    AtomicLongArray sums = new AtomicLongArray(WINDOWS);
    CyclicBarrier barrier = new CyclicBarrier(CALLERS);
    List<Throwable> errors = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < CALLERS; t++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try {
                  Call call = factory.make();
                  for (int i = 0; i < WARM_UP / CALLERS; i++) {
                    call.call();
                  }
                  for (int w = 0; w < WINDOWS; w++) {
                    barrier.await();
                    long before = THREADS.getCurrentThreadAllocatedBytes();
                    for (int i = 0; i < WINDOW / CALLERS; i++) {
                      call.call();
                    }
                    sums.addAndGet(w, THREADS.getCurrentThreadAllocatedBytes() - before);
                  }
                } catch (Throwable e) {
                  synchronized (errors) {
                    errors.add(e);
                  }
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(errors).isEmpty();
    long least = Long.MAX_VALUE;
    for (int w = 0; w < WINDOWS; w++) {
      least = Math.min(least, sums.get(w));
    }
    return least;
  }

  @Test
  void aVirtualCallerThatNeedNotWaitAllocatesNothing() throws Exception {
    try (Engine engine = engine(8, 1)) {
      double[] bytes = new double[1];
      onVirtualThreads(1, () -> bytes[0] = leastTotalBytesPerCall(steady(engine)));
      assertThat(bytes[0]).isZero();
    }
  }

  /** A virtual thread's allocation is counted on its carriers: the total of all threads it is. */
  private static double leastTotalBytesPerCall(Call call) throws Exception {
    for (int i = 0; i < WARM_UP; i++) {
      call.call();
    }
    long least = Long.MAX_VALUE;
    for (int w = 0; w < 3 * WINDOWS; w++) {
      long before = THREADS.getTotalThreadAllocatedBytes();
      for (int i = 0; i < WINDOW; i++) {
        call.call();
      }
      least = Math.min(least, THREADS.getTotalThreadAllocatedBytes() - before);
    }
    return (double) least / WINDOW;
  }

  @Test
  void virtualCallersThatWaitCostWhatTheJdksParkCosts() throws Exception {
    double park = bytesPerPark();
    double request;
    // Runs that take a while, so that callers do wait.
    FakeBackend slow = new FakeBackend(1, (lane, memory, rows) -> spin(20_000));
    try (Engine engine =
        Engine.over(slow, true, EngineOptions.builder().maxBatch(CALLERS).lanes(1).build())) {
      request = bytesPerRequestOfVirtualCallers(engine);
      assertThat(engine.stats().batchRows().max()).isGreaterThan(1);
    }
    System.out.printf(
        "virtual callers that wait: %.1f bytes a request; the JDK's own park: %.1f bytes%n",
        request, park);
    // A request waits at most once for its batch, and may be woken once in vain.
    assertThat(request).isLessThanOrEqualTo(2 * park + 1);
  }

  private static void spin(long ns) {
    long untilNs = System.nanoTime() + ns;
    while (System.nanoTime() < untilNs) {
      Thread.onSpinWait();
    }
  }

  /** Two virtual threads hand a turn to each other by park and unpark alone. */
  private static double bytesPerPark() throws Exception {
    Thread[] pair = new Thread[2];
    AtomicLongArray turn = new AtomicLongArray(1);
    long rounds = WARM_UP + 2L * WINDOW;
    long[] before = new long[1];
    long[] after = new long[1];
    for (int side = 0; side < 2; side++) {
      int me = side;
      pair[side] =
          Thread.ofVirtual()
              .unstarted(() -> {
                for (long i = 0; i < rounds; i++) {
                  if (me == 0 && i == WARM_UP) {
                    before[0] = THREADS.getTotalThreadAllocatedBytes();
                  }
                  while (turn.get(0) % 2 != me) {
                    LockSupport.park();
                  }
                  turn.incrementAndGet(0);
                  LockSupport.unpark(pair[1 - me]);
                }
                if (me == 0) {
                  after[0] = THREADS.getTotalThreadAllocatedBytes();
                }
              });
    }
    for (Thread thread : pair) {
      thread.start();
    }
    for (Thread thread : pair) {
      thread.join();
    }
    return (double) (after[0] - before[0]) / (2.0 * (rounds - WARM_UP));
  }

  private static double bytesPerRequestOfVirtualCallers(Engine engine) throws Exception {
    double[] least = {Double.MAX_VALUE};
    for (int round = 0; round < 4; round++) {
      long before = THREADS.getTotalThreadAllocatedBytes();
      onVirtualThreads(
          CALLERS,
          () -> {
            Call call = steady(engine);
            for (int i = 0; i < WINDOW; i++) {
              call.call();
            }
          });
      long after = THREADS.getTotalThreadAllocatedBytes();
      least[0] = Math.min(least[0], (double) (after - before) / ((long) WINDOW * CALLERS));
    }
    return least[0];
  }

  private static void onVirtualThreads(int count, Call body) throws Exception {
    List<Throwable> errors = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(() -> {
                try {
                  body.call();
                } catch (Throwable e) {
                  synchronized (errors) {
                    errors.add(e);
                  }
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(errors).isEmpty();
  }

  @Test
  void aLeaseOfDeviceOrPinnedMemoryAllocatesNothing() throws Exception {
    try (SimulatedCuda cuda = SimulatedCuda.builder().build();
        Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(cuda, 0);
          CudaStream stream = CudaStream.create(cuda, "stream", 0);
          MemoryBudget budget = MemoryBudget.root("device", 1L << 30)) {
        CudaStatus.check(cuda, cuda.cuCtxGetCurrent(out), "cuCtxGetCurrent", "");
        long context = out.get(ValueLayout.JAVA_LONG, 0);
        try (DevicePool device = new DevicePool(cuda, context, "device", budget);
            PinnedPool pinned = new PinnedPool(cuda, context, "pinned", budget);
            StreamMemory memory = device.on(stream.raw())) {
          DeviceLease[] leases = new DeviceLease[8];
          for (int i = 0; i < leases.length; i++) {
            leases[i] = memory.newLease("lease " + i);
          }
          PinnedLease host = pinned.newLease("host");
          Call call =
              () -> {
                for (int i = 0; i < leases.length; i++) {
                  leases[i].take(1000L << i);
                }
                for (DeviceLease lease : leases) {
                  lease.close();
                }
                host.take(10_000);
                host.close();
              };
          assertThat(leastBytesPerCall(call)).isZero();
          assertThat(device.stats().allocations()).isEqualTo(leases.length);
        }
      }
    }
  }

  /**
   * Giving back after a stream asks the driver, and the simulated one takes heap memory for that:
   * so what a lease takes is held to what those calls take alone. Both are measured cold, since
   * what the compiler leaves out depends on who calls.
   */
  @Test
  void aPinnedLeaseGivenBackAfterAStreamAllocatesNothingOfItsOwn() throws Exception {
    try (SimulatedCuda cuda = SimulatedCuda.builder().build();
        Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(cuda, 0);
          CudaStream stream = CudaStream.create(cuda, "stream", 0);
          CudaEvent event = CudaEvent.create(cuda, "event", false);
          MemoryBudget budget = MemoryBudget.root("device", 1L << 30)) {
        CudaStatus.check(cuda, cuda.cuCtxGetCurrent(out), "cuCtxGetCurrent", "");
        long context = out.get(ValueLayout.JAVA_LONG, 0);
        try (PinnedPool pinned = new PinnedPool(cuda, context, "pinned", budget)) {
          PinnedLease host = pinned.newLease("host");
          Call lease =
              () -> {
                host.take(10_000);
                host.closeAfter(stream.raw());
              };
          Call driver =
              () -> {
                enter(cuda, out);
                cuda.cuEventQuery(event.raw());
                cuda.cuThreadExchangeStreamCaptureMode(out);
                enter(cuda, out);
                cuda.cuStreamIsCapturing(stream.raw(), out);
                cuda.cuEventRecord(event.raw(), stream.raw());
                cuda.cuThreadExchangeStreamCaptureMode(out);
              };
          long driverBytes = leastBytesCold(driver);
          long leaseBytes = leastBytesCold(lease);
          assertThat(leaseBytes).isLessThanOrEqualTo(driverBytes);
          assertThat(pinned.stats().allocations()).isEqualTo(1);
        }
      }
    }
  }

  /** What a pool calls before anything else. */
  private static void enter(SimulatedCuda cuda, MemorySegment out) {
    cuda.cuCtxGetCurrent(out);
    out.set(ValueLayout.JAVA_INT, 0, CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
    cuda.cuThreadExchangeStreamCaptureMode(out);
  }

  private static long leastBytesCold(Call call) throws Exception {
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 100; i++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      call.call();
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    return least;
  }
}
