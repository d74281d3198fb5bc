package dev.sluice.engine.cuda;

import static dev.sluice.engine.cuda.CudaBackendContract.SEED;
import static dev.sluice.engine.cuda.CudaBackendContract.columns;
import static dev.sluice.engine.cuda.CudaBackendContract.runAndCheck;
import static dev.sluice.engine.cuda.CudaBackendContract.stats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.TensorRtFaults;
import dev.sluice.bindings.sim.TensorRtFaults.Call;
import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What becomes of lanes when something below them fails; on the simulated GPU, which fails on
 * demand.
 */
class CudaFaultsTest {
  private static final int ROWS = 6;

  private static SimulatedGpu gpu(FaultPlan cuda, TensorRtFaults tensorRt) {
    return new SimulatedGpu(cuda, tensorRt, options -> options);
  }

  @Test
  void aFailedEnqueueNamesTheCallAndTheNextLaneServes() throws Exception {
    // A run's first is enqueued, its second captured.
    for (int failing : new int[] {1, 3}) {
      try (SimulatedGpu gpu =
          gpu(FaultPlan.none(), TensorRtFaults.none().fail(Call.ENQUEUE, failing))) {
        CudaOptions options = CudaOptions.defaults().withMaxGraphs(0);
        try (CudaBackend backend = GpuModel.columns(ROWS).open(gpu.libraries, options, true);
            BatchMemory memory = backend.allocate(columns(3), ROWS)) {
          Random random = new Random(SEED);
          try (Lane lane = backend.openLane(4)) {
            for (int i = 1; i < failing; i++) {
              runAndCheck(lane, memory, ROWS, random);
            }
            BackendException failure =
                catchThrowableOfType(BackendException.class, () -> lane.run(memory, ROWS));
            assertThat(failure)
                .hasMessageContaining("cuda:0 lane 4, 6 rows of")
                .hasMessageContaining("enqueueV3");
            assertThat(failure.deviceLost()).isFalse();
          }
          try (Lane lane = backend.openLane(4)) {
            runAndCheck(lane, memory, ROWS, random);
          }
        }
        gpu.assertClean();
      }
    }
  }

  @Test
  void aRefusedCaptureIsReportedAndItsRunsAreEnqueued() throws Exception {
    try (SimulatedGpu gpu =
        new SimulatedGpu(
            FaultPlan.none(),
            TensorRtFaults.none(),
            options -> options.uncapturable(Set.of("ReduceSum")))) {
      try (CudaBackend backend =
              GpuModel.columns(ROWS).open(gpu.libraries, CudaOptions.defaults(), true);
          BatchMemory memory = backend.allocate(columns(3), ROWS);
          Lane lane = backend.openLane(0)) {
        Random random = new Random(SEED);
        for (int i = 0; i < 5; i++) {
          runAndCheck(lane, memory, ROWS, random);
          runAndCheck(lane, memory, 2, random);
        }
        lane.prepare(memory);
        assertThat(stats(backend).graphs()).isZero();
        assertThat(stats(backend).captures()).isZero();
        assertThat(stats(backend).notCaptured())
            .hasSize(6)
            .allSatisfy(reason -> assertThat(reason).contains("test model", "rows of"));
      }
      gpu.assertClean();
    }
  }

  @Test
  void aCaptureThatFailsOnceLeavesARunThatAnswers() throws Exception {
    for (String function : List.of("cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags")) {
      FaultPlan faults = FaultPlan.none().failCall(function, 1, CudaStatus.OUT_OF_MEMORY);
      try (SimulatedGpu gpu = gpu(faults, TensorRtFaults.none())) {
        try (CudaBackend backend =
                GpuModel.columns(ROWS).open(gpu.libraries, CudaOptions.defaults(), true);
            BatchMemory memory = backend.allocate(columns(3), ROWS);
            Lane lane = backend.openLane(0)) {
          Random random = new Random(SEED);
          for (int i = 0; i < 4; i++) {
            runAndCheck(lane, memory, ROWS, random);
          }
          assertThat(stats(backend).notCaptured())
              .singleElement()
              .satisfies(reason -> assertThat(reason).contains(function));
        }
        assertThat(gpu.cuda.failures()).isEmpty();
        assertThat(gpu.tensorRt.leaks()).isEmpty();
      }
    }
  }

  @Test
  void aContextWithoutMemoryFailsTheRunAlone() throws Exception {
    // The first context asks for shapes, the second is the run's.
    try (SimulatedGpu gpu =
        gpu(FaultPlan.none(), TensorRtFaults.none().fail(Call.CREATE_CONTEXT, 2))) {
      try (CudaBackend backend =
              GpuModel.columns(ROWS).open(gpu.libraries, CudaOptions.defaults(), true);
          BatchMemory memory = backend.allocate(columns(3), ROWS);
          Lane lane = backend.openLane(0)) {
        assertThatThrownBy(() -> lane.run(memory, 1))
            .isInstanceOf(BackendException.class)
            .hasMessageContaining("createExecutionContext")
            .hasMessageContaining("maxGraphs");
        runAndCheck(lane, memory, 1, new Random(SEED));
      }
      gpu.assertClean();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuMemcpyHtoDAsync_v2",
        "cuMemcpyDtoHAsync_v2",
        "cuMemsetD8Async",
        "cuGraphLaunch",
        "cuStreamQuery"
      })
  void aFailedCallNamesItselfAndLeavesNothingBehind(String function) throws Exception {
    FaultPlan faults = FaultPlan.none();
    for (int nth = 2; nth < 40; nth += 4) {
      faults.failCall(function, nth, CudaStatus.OUT_OF_MEMORY);
    }
    try (SimulatedGpu gpu = gpu(faults, TensorRtFaults.none())) {
      int failed = 0;
      try (CudaBackend backend =
              GpuModel.columns(20).open(gpu.libraries, CudaOptions.defaults(), true);
          BatchMemory memory = backend.allocate(columns(3), 20)) {
        Random random = new Random(SEED);
        for (int i = 0; i < 20; i++) {
          try (Lane lane = backend.openLane(0)) {
            for (int run = 0; run < 3; run++) {
              runAndCheck(lane, memory, 17, random);
            }
          } catch (BackendException e) {
            failed++;
            assertThat(e).hasMessageContaining(function);
            assertThat(e.deviceLost()).isFalse();
          }
        }
      }
      assertThat(failed).as("runs that failed").isPositive();
      gpu.assertClean();
    }
  }

  @Test
  void aLostDeviceIsToldWhereverItIsLost() throws Exception {
    for (int nth = 1; nth <= 6; nth++) {
      FaultPlan faults = FaultPlan.none().failLaunchLate(nth, CudaStatus.ILLEGAL_ADDRESS);
      try (SimulatedGpu gpu = gpu(faults, TensorRtFaults.none())) {
        try (CudaBackend backend =
                GpuModel.columns(ROWS).open(gpu.libraries, CudaOptions.defaults(), true);
            BatchMemory memory = backend.allocate(columns(3), ROWS);
            Lane lane = backend.openLane(0)) {
          Random random = new Random(SEED);
          for (int run = 1; run < nth; run++) {
            runAndCheck(lane, memory, ROWS, random);
          }
          BackendException failure =
              catchThrowableOfType(BackendException.class, () -> lane.run(memory, ROWS));
          assertThat(failure.deviceLost()).as("launch %d: %s", nth, failure).isTrue();
          failure = catchThrowableOfType(BackendException.class, () -> lane.run(memory, ROWS));
          assertThat(failure.deviceLost()).isTrue();
          failure = catchThrowableOfType(BackendException.class, () -> backend.openLane(1));
          assertThat(failure.deviceLost()).isTrue();
        }
      }
    }
  }

  /** Another lane asks the stream of every block in the pool whether it is done with it. */
  @Test
  void aLaneWhoseMemoryStaysInThePoolKeepsItsStream() throws Exception {
    FaultPlan faults = FaultPlan.none().failCall("cuEventRecord", 1, CudaStatus.OUT_OF_MEMORY);
    try (SimulatedGpu gpu = gpu(faults, TensorRtFaults.none())) {
      try (CudaBackend backend =
              GpuModel.columns(ROWS).open(gpu.libraries, CudaOptions.defaults(), true);
          BatchMemory memory = backend.allocate(columns(3), ROWS);
          Lane lane = backend.openLane(0)) {
        runAndCheck(lane, memory, ROWS, new Random(SEED));
        assertThatThrownBy(lane::close).hasMessageContaining("cuEventRecord");
        try (Lane other = backend.openLane(1)) {
          runAndCheck(other, memory, ROWS, new Random(SEED));
        }
      }
      gpu.assertClean();
    }
  }

  @Test
  void aPlanOfAnotherVersionIsRefused() throws Exception {
    try (SimulatedGpu gpu =
        gpu(FaultPlan.none(), TensorRtFaults.none().fail(Call.DESERIALIZE, 1))) {
      assertThatThrownBy(() ->
              GpuModel.columns(ROWS).open(gpu.libraries, CudaOptions.defaults(), true).close())
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("deserializeCudaEngine")
          .hasMessageContaining("sluice build --device cuda");
      gpu.assertClean();
    }
  }

  @Test
  void whateverEndsAnOpeningLeavesNothingBehind() throws Exception {
    try (SimulatedGpu gpu = gpu(FaultPlan.none(), TensorRtFaults.none())) {
      MemorySegment plan = GpuModel.columns(ROWS).plan(gpu.libraries);
      TensorRtApi broken =
          (TensorRtApi)
              Proxy.newProxyInstance(
                  TensorRtApi.class.getClassLoader(),
                  new Class<?>[] {TensorRtApi.class},
                  (_, _, _) -> {
                    throw new IllegalStateException("a fault of the library");
                  });
      GpuLibraries libraries =
          GpuLibraries.of(gpu.libraries.cuda(), broken, gpu.libraries.kernels());
      assertThatThrownBy(() ->
              GpuModel.columns(ROWS).open(libraries, plan, CudaOptions.defaults(), true).close())
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("a fault of the library");
      gpu.assertClean();
    }
  }

  @Test
  void aDeviceThatIsLostWhileOpeningIsTold() throws Exception {
    MemorySegment plan;
    try (SimulatedGpu gpu = gpu(FaultPlan.none(), TensorRtFaults.none())) {
      plan = GpuModel.columns(ROWS).plan(gpu.libraries);
    }
    // The first is where the device is looked at.
    FaultPlan faults =
        FaultPlan.none().failCall("cuDevicePrimaryCtxRetain", 2, CudaStatus.ILLEGAL_ADDRESS);
    try (SimulatedGpu gpu = gpu(faults, TensorRtFaults.none())) {
      BackendException failure =
          catchThrowableOfType(
              BackendException.class,
              () ->
                  GpuModel.columns(ROWS)
                      .open(gpu.libraries, plan, CudaOptions.defaults(), true)
                      .close());
      assertThat(failure).hasMessageContaining("cuDevicePrimaryCtxRetain");
      assertThat(failure.deviceLost()).isTrue();
    }
  }

  @Test
  void aLostDeviceIsNotTheFaultOfTheCallersMemory() throws Exception {
    FaultPlan faults =
        FaultPlan.none().failCall("cuPointerGetAttribute", 1, CudaStatus.ILLEGAL_ADDRESS);
    try (SimulatedGpu gpu = gpu(faults, TensorRtFaults.none())) {
      try (CudaBackend backend =
              GpuModel.columns(ROWS).open(gpu.libraries, CudaOptions.defaults(), true);
          BatchMemory memory = backend.allocate(columns(4), ROWS)) {
        MemorySegment row = MemorySegment.ofAddress(4096).reinterpret(16);
        assertThatThrownBy(() -> memory.deviceInput(0, 0, 1, row))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("cuda:0 is lost")
            .hasMessageContaining("ILLEGAL_ADDRESS");
      }
    }
  }

  @Test
  void whatWaitingAfterAFailureSaysIsToldToo() throws Exception {
    FaultPlan faults = FaultPlan.none();
    // The first asks for shapes.
    for (int nth = 2; nth < 20; nth++) {
      faults.failCall("cuStreamSynchronize", nth, CudaStatus.LAUNCH_FAILED);
    }
    faults.failCall("cuMemcpyHtoDAsync_v2", 1, CudaStatus.OUT_OF_MEMORY);
    try (SimulatedGpu gpu = gpu(faults, TensorRtFaults.none())) {
      try (CudaBackend backend =
              GpuModel.columns(ROWS).open(gpu.libraries, CudaOptions.defaults(), true);
          BatchMemory memory = backend.allocate(columns(4), ROWS);
          Lane lane = backend.openLane(0)) {
        BackendException failure =
            catchThrowableOfType(BackendException.class, () -> lane.run(memory, ROWS));
        assertThat(failure)
            .hasMessageContaining("cuMemcpyHtoDAsync_v2")
            .hasMessageContaining("cuStreamSynchronize");
        assertThat(failure.deviceLost()).isTrue();
      }
    }
  }

  @Test
  void aMemoryLimitIsToldWithItsLevels() throws Exception {
    try (SimulatedGpu gpu = gpu(FaultPlan.none(), TensorRtFaults.none())) {
      CudaOptions options = CudaOptions.defaults().withDeviceMemoryLimitBytes(1024);
      try (CudaBackend backend = GpuModel.columns(ROWS).open(gpu.libraries, options, true);
          BatchMemory memory = backend.allocate(columns(32), ROWS);
          Lane lane = backend.openLane(0)) {
        assertThatThrownBy(() -> lane.run(memory, 1))
            .isInstanceOf(BackendException.class)
            .hasMessageContaining("limit 1024")
            .hasMessageContaining("raise the limit");
      }
      gpu.assertClean();
    }
  }

  /** Whatever fails at random, each answer that comes is right, and nothing is left in the end. */
  @Test
  void faultsAtRandomNeverGiveAWrongAnswer() throws Exception {
    for (long seed = SEED; seed < SEED + 6; seed++) {
      FaultPlan cuda =
          FaultPlan.none()
              .failAtRandom(
                  seed,
                  0.02,
                  CudaStatus.OUT_OF_MEMORY,
                  "cuMemAlloc_v2",
                  "cuMemHostAlloc",
                  "cuMemcpyHtoDAsync_v2",
                  "cuMemcpyDtoHAsync_v2",
                  "cuGraphInstantiateWithFlags",
                  "cuGraphLaunch",
                  "cuStreamCreateWithPriority");
      TensorRtFaults tensorRt =
          TensorRtFaults.none()
              .failAtRandom(Call.ENQUEUE, seed, 0.03)
              .failAtRandom(Call.CREATE_CONTEXT, seed, 0.03);
      int answered = 0;
      try (SimulatedGpu gpu = gpu(cuda, tensorRt)) {
        try (CudaBackend backend =
            GpuModel.columns(20)
                .open(gpu.libraries, CudaOptions.defaults().withMaxGraphs(4), true)) {
          Random random = new Random(seed);
          for (int round = 0; round < 30; round++) {
            try (BatchMemory memory =
                    backend.allocate(columns(1 + random.nextInt(8)), 1 + random.nextInt(20));
                Lane lane = backend.openLane(round)) {
              for (int run = 0; run < 12; run++) {
                runAndCheck(lane, memory, 1 + random.nextInt(memory.maxRows()), random);
                answered++;
              }
            } catch (BackendException e) {
              assertThat(e.deviceLost()).as("seed %d: %s", seed, e).isFalse();
            }
          }
        }
        gpu.assertClean();
      }
      assertThat(answered).as("seed %d", seed).isGreaterThan(50);
    }
  }
}
