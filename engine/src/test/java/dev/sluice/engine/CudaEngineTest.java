package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.bindings.sim.SimulatedTensorRt;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.bindings.sim.TensorRtFaults.Call;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.InferenceException.Reason;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.plan.PlanOptions;
import dev.sluice.kernels.SimulatedKernels;
import java.time.Duration;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The same on the simulated GPU, which fails on demand. */
class CudaEngineTest extends CudaEngineContract {
  private SimulatedCuda cuda;
  private SimulatedTensorRt tensorRt;

  @BeforeEach
  void start() {
    gpu(FaultPlan.none(), builder -> builder);
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
    cuda.close();
  }

  @Override
  GpuLibraries gpu() {
    return GpuLibraries.simulated(cuda, tensorRt);
  }

  @Override
  float tolerance() {
    return 1e-4f;
  }

  @Override
  void assertClean() {
    assertThat(tensorRt.leaks()).isEmpty();
    assertThat(cuda.leaks()).isEmpty();
    assertThat(cuda.failures()).isEmpty();
    assertThat(cuda.races()).isEmpty();
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
  void whatIsGivenForADeviceIsNotMeasured() throws Exception {
    try (Engine engine = Engine.open(file, onGpu().tune(true).lanes(2).maxBatch(4).build())) {
      assertThat(engine.tuning().measured()).isFalse();
      assertThat(engine.lanes()).isEqualTo(2);
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
