package dev.sluice.engine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.bindings.sim.TensorRtFaults.Call;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.InferenceException.Reason;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.DeviceStats;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.plan.PlanOptions;
import dev.sluice.kernels.SimulatedKernels;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Packages from the file to the answer on the simulated GPU, held against the CPU's answers. */
@Timeout(120)
class CudaEngineTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261126L);
  private static final int IN = 20;
  private static final int OUT = 16;

  @TempDir private Path folder;
  private String cacheBefore;
  private Path file;
  private SimulatedCuda cuda;
  private SimulatedTensorRt tensorRt;

  @BeforeEach
  void start() throws Exception {
    cacheBefore = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", folder.resolve("cache").toString());
    file = golden("format-1.sluice");
    gpu(FaultPlan.none(), builder -> builder);
  }

  private Path golden(String name) throws Exception {
    Path copy = folder.resolve(name);
    try (InputStream in = CudaEngineTest.class.getResourceAsStream("/golden/" + name)) {
      Files.copy(in, copy);
    }
    return copy;
  }

  private void gpu(FaultPlan faults, UnaryOperator<SimulatedTensorRt.Builder> more) {
    if (cuda != null) {
      cuda.close();
    }
    cuda =
        SimulatedCuda.builder()
            .memoryBytes(256 << 20)
            .kernels(SimulatedKernels.all())
            .faults(faults)
            .threaded()
            .build();
    tensorRt = more.apply(SimulatedTensorRt.builder(cuda)).build();
  }

  @AfterEach
  void stop() {
    System.setProperty("sluice.cache", cacheBefore);
    cuda.close();
  }

  private void assertClean() {
    assertThat(tensorRt.leaks()).isEmpty();
    assertThat(cuda.leaks()).isEmpty();
    assertThat(cuda.failures()).isEmpty();
    assertThat(cuda.races()).isEmpty();
  }

  private EngineOptions.Builder onGpu() {
    return EngineOptions.builder()
        .device("cuda")
        .gpu(GpuLibraries.simulated(cuda, tensorRt))
        .tune(false);
  }

  private static float[] draw(Random random, int rows) {
    float[] x = new float[rows * IN];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  @Test
  void manyCallersGetTheAnswersOfTheCpu() throws Exception {
    try (Engine cpu = Engine.open(file, EngineOptions.builder().device("cpu").tune(false).build());
        Engine engine = Engine.open(file, onGpu().maxBatch(16).build())) {
      assertThat(engine.device()).isEqualTo("cuda:0");
      assertThat(engine.batched()).isTrue();
      try (ExecutorService threads = Executors.newFixedThreadPool(16)) {
        List<Future<?>> callers = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
          Random random = new Random(SEED + i);
          callers.add(
              threads.submit(() -> {
                for (int call = 0; call < 40; call++) {
                  float[] x = draw(random, 1 + random.nextInt(4));
                  float[] expected = cpu.run(x);
                  assertThat(engine.run(x)).containsExactly(expected, within(1e-4f));
                }
                return null;
              }));
        }
        for (Future<?> caller : callers) {
          caller.get();
        }
      }
      EngineStats stats = engine.stats();
      DeviceStats device = stats.device().orElseThrow();
      // 1 to 8, 10, 12, 14 and 16 rows on each lane, captured before the first request.
      assertThat(device.graphs()).isEqualTo(12 * engine.lanes());
      assertThat(device.captures()).isEqualTo(12L * engine.lanes());
      assertThat(stats.batchRows().mean()).isGreaterThan(1);
      assertThat(cpu.stats().device()).isEmpty();
    }
    assertClean();
  }

  @Test
  void thePlanIsBuiltOnceAndKept() throws Exception {
    for (int i = 0; i < 2; i++) {
      try (Engine engine = Engine.open(file, onGpu().build())) {
        assertThat(engine.run(draw(new Random(SEED), 1))).hasSize(OUT);
      }
      assertThat(tensorRt.builds()).isEqualTo(1);
    }
    EngineOptions refusing =
        onGpu()
            .cuda(
                CudaOptions.defaults()
                    .withFirstLoadBuild(false)
                    .withPlan(
                        new PlanOptions(1 << 20, 3, HardwareCompatibilityLevel.NONE, false, true)))
            .build();
    assertThatThrownBy(() -> Engine.open(file, refusing))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("firstLoadBuild=false");
    // A later TensorRT does not take the plan of an earlier one.
    gpu(FaultPlan.none(), builder -> builder.version(110_300));
    try (Engine engine = Engine.open(file, onGpu().build())) {
      assertThat(engine.run(draw(new Random(SEED), 1))).hasSize(OUT);
    }
    assertThat(tensorRt.builds()).isEqualTo(1);
    assertClean();
  }

  @Test
  void stagesRunOnTheDevice() throws Exception {
    Path staged = golden("format-2.sluice");
    Random random = new Random(SEED);
    try (Engine cpu =
            Engine.open(staged, EngineOptions.builder().device("cpu").tune(false).build());
        Engine engine = Engine.open(staged, onGpu().maxBatch(4).build())) {
      assertThat(engine.signature()).isEqualTo(cpu.signature());
      TensorSpec images = engine.signature().inputs().getFirst();
      long bytes = images.shape().elementCount(1);
      for (int call = 0; call < 12; call++) {
        byte[] pixels = new byte[Math.toIntExact(bytes)];
        random.nextBytes(pixels);
        int height = 1 + random.nextInt(8);
        int width = 1 + random.nextInt(8);
        List<List<byte[]>> answers = new ArrayList<>();
        for (Engine each : List.of(cpu, engine)) {
          answers.add(
              each.call(
                  1,
                  in -> {
                    in.image(0)
                        .put(
                            0,
                            height,
                            width,
                            MemorySegment.ofArray(pixels).asSlice(0, 3L * height * width));
                  },
                  out -> {
                    List<byte[]> bytesOut = new ArrayList<>();
                    for (int i = 0; i < each.signature().outputs().size(); i++) {
                      bytesOut.add(out.output(i).toArray(JAVA_BYTE));
                    }
                    return bytesOut;
                  }));
        }
        for (int i = 0; i < answers.getFirst().size(); i++) {
          assertThat(answers.getLast().get(i)).isEqualTo(answers.getFirst().get(i));
        }
      }
    }
    assertClean();
  }

  @Test
  void aFailedRunFailsItsRequestsAndTheLaneIsOpenedAnew() throws Exception {
    gpu(
        FaultPlan.none(),
        builder -> builder.faults(TensorRtFaults.none().failAtRandom(Call.ENQUEUE, SEED, 0.1)));
    CudaOptions plain = CudaOptions.defaults().withMaxGraphs(0);
    int failed = 0;
    int answered = 0;
    try (Engine cpu = Engine.open(file, EngineOptions.builder().device("cpu").tune(false).build());
        Engine engine = openPatiently(onGpu().selfTest(false).cuda(plain).maxBatch(4).build())) {
      Random random = new Random(SEED);
      for (int i = 0; i < 200; i++) {
        float[] x = draw(random, 1 + random.nextInt(4));
        try {
          float[] y = engine.run(x);
          assertThat(y).containsExactly(cpu.run(x), within(1e-4f));
          answered++;
        } catch (InferenceException e) {
          assertThat(e.reason()).isEqualTo(Reason.BACKEND_FAILED);
          assertThat(e).hasMessageContaining("enqueueV3");
          failed++;
        }
      }
      assertThat(engine.failure()).isNull();
      assertThat(engine.stats().usableLanes()).isEqualTo(engine.lanes());
    }
    assertThat(failed).isPositive();
    assertThat(answered).isGreaterThan(100);
    assertClean();
  }

  /** Preparing the lanes may fail as well, which fails the opening. */
  private Engine openPatiently(EngineOptions options) throws Exception {
    for (int i = 0; i < 50; i++) {
      try {
        return Engine.open(file, options);
      } catch (BackendException e) {
        assertThat(e).hasMessageContaining("enqueueV3");
      }
    }
    throw new AssertionError("never opened");
  }

  @Test
  void aLostDeviceEndsTheEngineWithAClearState() throws Exception {
    // Each lane of 4 rows launches 4 buckets three times when it is prepared.
    gpu(FaultPlan.none().failLaunchLate(40, CudaStatus.ILLEGAL_ADDRESS), builder -> builder);
    try (Engine engine = Engine.open(file, onGpu().maxBatch(4).selfTest(false).build())) {
      Random random = new Random(SEED);
      assertThatThrownBy(
              () -> {
                for (int i = 0; i < 100; i++) {
                  engine.run(draw(random, 1));
                }
              })
          .isInstanceOf(InferenceException.class)
          .hasMessageContaining("ILLEGAL_ADDRESS");
      assertThat(engine.failure()).isInstanceOf(BackendException.class);
      Request request = engine.newRequest();
      assertThat(request.claim(1, Duration.ofSeconds(1)).admitted()).isFalse();
    }
  }

  @Test
  void requestsMayKeepTheirRowsOnTheDevice() throws Exception {
    try (Engine cpu = Engine.open(file, EngineOptions.builder().device("cpu").tune(false).build());
        Engine engine = Engine.open(file, onGpu().maxBatch(4).lanes(1).build());
        PrimaryContext _ = PrimaryContext.enter(cuda, 0);
        DeviceMemory x = DeviceMemory.allocate(cuda, "x", 2L * IN * Float.BYTES);
        DeviceMemory y = DeviceMemory.allocate(cuda, "y", 2L * OUT * Float.BYTES);
        Arena arena = Arena.ofConfined()) {
      Random random = new Random(SEED);
      MemorySegment host = arena.allocate(JAVA_FLOAT, 2L * IN);
      for (int i = 0; i < 10; i++) {
        float[] rows = draw(random, 2);
        MemorySegment.copy(rows, 0, host, JAVA_FLOAT, 0, rows.length);
        assertThat(cuda.cuMemcpyHtoD_v2(x.raw(), host, host.byteSize())).isZero();
        engine.call(
            2,
            in -> {
              in.deviceInput(0, segment(x));
              in.deviceOutput(0, segment(y));
            },
            out -> null);
        MemorySegment fetched = arena.allocate(JAVA_FLOAT, 2L * OUT);
        assertThat(cuda.cuMemcpyDtoH_v2(fetched, y.raw(), fetched.byteSize())).isZero();
        assertThat(fetched.toArray(JAVA_FLOAT)).containsExactly(cpu.run(rows), within(1e-4f));
        // The next request of the same buffers is the host's again.
        assertThat(engine.run(rows)).containsExactly(cpu.run(rows), within(1e-4f));
      }
      try (Request request = cpu.newRequest()) {
        assertThat(request.claim(2, Duration.ofSeconds(1)).admitted()).isTrue();
        assertThatThrownBy(() -> request.deviceInput(0, segment(x)))
            .isInstanceOf(UnsupportedOperationException.class)
            .hasMessageContaining("CUDA device");
      }
    }
    assertClean();
  }

  private static MemorySegment segment(DeviceMemory memory) {
    return MemorySegment.ofAddress(memory.raw()).reinterpret(memory.sizeBytes());
  }

  @Test
  void autoTakesTheGpuAndFallsBackWhereThePackageDoesNotOpenThere() throws Exception {
    GpuLibraries there = GpuLibraries.simulated(cuda, tensorRt);
    EngineOptions auto = EngineOptions.builder().gpu(there).tune(false).build();
    float[] x = draw(new Random(SEED), 1);
    try (Engine engine = Engine.open(file, auto)) {
      assertThat(engine.device()).isEqualTo("cuda:0");
      assertThat(engine.run(x)).hasSize(OUT);
    }
    gpu(
        FaultPlan.none(),
        builder -> builder.version(110_400).faults(TensorRtFaults.none().fail(Call.BUILD, 1)));
    try (Engine engine =
        Engine.open(
            file,
            EngineOptions.builder()
                .gpu(GpuLibraries.simulated(cuda, tensorRt))
                .tune(false)
                .build())) {
      assertThat(engine.device()).isEqualTo("cpu");
      assertThat(engine.run(x)).hasSize(OUT);
    }
    assertClean();
  }

  @Test
  void aDeviceThatIsNotThereIsNamedWithThoseThatAre() {
    assertThatThrownBy(() -> Engine.open(file, onGpu().device("cuda:3").build()))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("there is no cuda:3")
        .hasMessageContaining("cuda:0");
  }

  @Test
  void operatorsThatAreNotSupportedAreAllNamed() {
    gpu(
        FaultPlan.none(),
        builder -> builder.unsupported(Set.of("MatMul", "Gemm", "Relu", "Conv", "Add")));
    assertThatThrownBy(() -> Engine.open(file, onGpu().build()))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("can't be opened on cuda:0")
        .hasMessageContaining("'MatMul0' (MatMul)")
        .hasMessageContaining("'Add1' (Add)");
    assertClean();
  }

  @Test
  void theTuningOfADeviceIsMeasuredAndRemembered() throws Exception {
    EngineOptions tuned = onGpu().tune(true).build();
    Tuning first;
    try (Engine engine = Engine.open(file, tuned)) {
      first = engine.tuning();
      assertThat(first.measured()).isTrue();
      assertThat(first.threadsPerLane()).isEqualTo(1);
      assertThat(first.timings()).isNotEmpty();
    }
    try (Engine engine = Engine.open(file, tuned)) {
      assertThat(engine.tuning()).isEqualTo(first);
    }
    assertClean();
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS)
  void deadlinesAndLimitsHoldOnTheDeviceToo() throws Exception {
    try (Engine engine = Engine.open(file, onGpu().maxBatch(4).maxPending(4).build())) {
      Request full = engine.newRequest();
      assertThat(full.claim(4, Duration.ofSeconds(1)).admitted()).isTrue();
      Request more = engine.newRequest();
      assertThat(more.tryClaim(1)).isEqualTo(Admission.PENDING_LIMIT);
      full.close();
      Request late = engine.newRequest();
      late.deadlineIn(Duration.ofNanos(1));
      Admission admission = late.tryClaim(1);
      if (admission.admitted()) {
        assertThatThrownBy(late::run)
            .isInstanceOf(InferenceException.class)
            .hasMessageContaining("deadline");
      } else {
        assertThat(admission).isEqualTo(Admission.EXPIRED);
      }
    }
    assertClean();
  }
}
