package dev.sluice.engine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.backend.DeviceStats;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.format.TensorDifference;
import dev.sluice.engine.plan.PlanOptions;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Packages from the file to the answer on a GPU, held against the CPU's answers. */
@Timeout(120)
abstract class CudaEngineContract {
  static final long SEED = Long.getLong("sluice.seed", 20261126L);
  static final int IN = 20;
  static final int OUT = 16;

  @TempDir Path folder;
  Path file;
  private String cacheBefore;

  /** The GPU of this test. */
  abstract GpuLibraries gpu();

  /** How far 32-bit floats may be off without TF32. */
  abstract float tolerance();

  /** Holds that nothing is left on the GPU, where that can be told. */
  abstract void assertClean();

  @BeforeEach
  void takeGoldenPackage() throws Exception {
    cacheBefore = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", folder.resolve("cache").toString());
    file = golden("format-1.sluice");
  }

  @AfterEach
  void restoreCache() {
    System.setProperty("sluice.cache", cacheBefore);
  }

  private Path golden(String name) throws Exception {
    Path copy = folder.resolve(name);
    try (InputStream in = CudaEngineContract.class.getResourceAsStream("/golden/" + name)) {
      Files.copy(in, copy);
    }
    return copy;
  }

  /** Options for the GPU, with plans that compute in 32-bit floats. */
  EngineOptions.Builder onGpu() {
    PlanOptions exact = new PlanOptions(0, 3, HardwareCompatibilityLevel.NONE, false, false);
    return EngineOptions.builder()
        .device("cuda")
        .gpu(gpu())
        .cuda(CudaOptions.defaults().withPlan(exact))
        .tune(false);
  }

  static float[] draw(Random random, int rows) {
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
                  assertThat(engine.run(x)).containsExactly(expected, within(tolerance()));
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
          ElementType type = cpu.signature().outputs().get(i).type();
          MemorySegment expected = MemorySegment.ofArray(answers.getFirst().get(i));
          MemorySegment actual = MemorySegment.ofArray(answers.getLast().get(i));
          assertThat(TensorDifference.maxAbs(type, expected, actual))
              .as("output %d, seed %d", i, SEED)
              .isLessThanOrEqualTo(tolerance());
        }
      }
    }
    assertClean();
  }

  @Test
  void requestsMayKeepTheirRowsOnTheDevice() throws Exception {
    try (Engine cpu = Engine.open(file, EngineOptions.builder().device("cpu").tune(false).build());
        Engine engine = Engine.open(file, onGpu().maxBatch(4).lanes(1).build());
        PrimaryContext _ = PrimaryContext.enter(gpu().cuda(), 0);
        DeviceMemory x = DeviceMemory.allocate(gpu().cuda(), "x", 2L * IN * Float.BYTES);
        DeviceMemory y = DeviceMemory.allocate(gpu().cuda(), "y", 2L * OUT * Float.BYTES);
        Arena arena = Arena.ofConfined()) {
      Random random = new Random(SEED);
      MemorySegment host = arena.allocate(JAVA_FLOAT, 2L * IN);
      for (int i = 0; i < 10; i++) {
        float[] rows = draw(random, 2);
        MemorySegment.copy(rows, 0, host, JAVA_FLOAT, 0, rows.length);
        assertThat(gpu().cuda().cuMemcpyHtoD_v2(x.raw(), host, host.byteSize())).isZero();
        engine.call(
            2,
            in -> {
              in.deviceInput(0, segment(x));
              in.deviceOutput(0, segment(y));
            },
            out -> null);
        MemorySegment fetched = arena.allocate(JAVA_FLOAT, 2L * OUT);
        assertThat(gpu().cuda().cuMemcpyDtoH_v2(fetched, y.raw(), fetched.byteSize())).isZero();
        assertThat(fetched.toArray(JAVA_FLOAT)).containsExactly(cpu.run(rows), within(tolerance()));
        // The next request of the same buffers is the host's again.
        assertThat(engine.run(rows)).containsExactly(cpu.run(rows), within(tolerance()));
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
}
