package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.HandleLedger;
import dev.sluice.bindings.sim.Call;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The owners on the simulated device. */
class CudaObjectsTest extends CudaObjectsContract {
  private SimulatedCuda cuda;

  @Override
  protected CudaApi api() {
    cuda = SimulatedCuda.builder().build();
    return cuda;
  }

  @Override
  protected void nothingIsLeft() {
    assertThat(cuda.leaks()).isEmpty();
    assertThat(cuda.races()).isEmpty();
    cuda.close();
  }

  private static void all(CudaApi api) {
    try (CudaStream stream = CudaStream.create(api, "stream", 0);
        CudaEvent event = CudaEvent.create(api, "event", true);
        CudaEvent later = CudaEvent.create(api, "later", true);
        DeviceMemory memory = DeviceMemory.allocate(api, "memory", 64);
        DeviceMemory borrowed = DeviceMemory.wrap(api, "borrowed", memory.raw(), 64);
        CudaGraph graph = stream.capture(() -> {});
        CudaGraph.Ready ready = graph.instantiate()) {
      event.record(stream);
      ready.launch(stream);
      ready.update(graph);
      later.record(stream);
      stream.waitFor(later);
      stream.await(CudaStream.Wait.YIELD);
      stream.await(CudaStream.Wait.SPIN);
      stream.await(CudaStream.Wait.BLOCK);
      later.await();
      assertThat(later.isDone()).isTrue();
      assertThat(later.msSince(event)).isGreaterThanOrEqualTo(0);
      assertThat(borrowed.isOpen()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuStreamCreateWithPriority",
        "cuEventCreate",
        "cuMemAlloc_v2",
        "cuCtxGetDevice",
        "cuPointerGetAttribute",
        "cuStreamBeginCapture_v2",
        "cuGraphInstantiateWithFlags",
        "cuEventRecord",
        "cuGraphLaunch",
        "cuGraphExecUpdate_v2",
        "cuStreamWaitEvent",
        "cuStreamQuery",
        "cuStreamSynchronize",
        "cuEventSynchronize",
        "cuEventQuery",
        "cuEventElapsedTime_v2"
      })
  void aFailedCallIsNamedAndNothingStays(String function) {
    HandleLedger.Snapshot before = HandleLedger.snapshot();
    FaultPlan faults = FaultPlan.none().failCall(function, 1, CudaStatus.UNKNOWN);
    try (SimulatedCuda faulty = SimulatedCuda.builder().faults(faults).build()) {
      CudaStatus.check(faulty, faulty.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(faulty, 0)) {
        assertThatThrownBy(() -> all(faulty))
            .isInstanceOf(CudaException.class)
            .hasMessageContaining(function)
            .hasMessageContaining("CUDA_ERROR_UNKNOWN");
        all(faulty);
      }
      assertThat(faulty.leaks()).isEmpty();
    }
    assertThat(HandleLedger.snapshot().live()).isEqualTo(before.live());
  }

  @Test
  void anEventIsMadeWithWhatTheCallerChose() {
    try (SimulatedCuda logged = SimulatedCuda.builder().logged().build()) {
      CudaStatus.check(logged, logged.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(logged, 0);
          CudaEvent _ = CudaEvent.create(logged, "event", true);
          CudaEvent _ = CudaEvent.create(logged, "event", false);
          CudaEvent _ = CudaEvent.blocking(logged, "event", true);
          CudaEvent _ = CudaEvent.blocking(logged, "event", false)) {
        assertThat(logged.calls())
            .filteredOn(call -> call.function().equals("cuEventCreate"))
            .extracting(Call::arguments)
            .containsExactly("flags 0", "flags 2", "flags 1", "flags 3");
      }
    }
  }

  @Test
  void aLostDeviceLetsEverythingClose() {
    HandleLedger.Snapshot before = HandleLedger.snapshot();
    FaultPlan faults = FaultPlan.none().failCall("cuMemGetInfo_v2", 1, CudaStatus.LAUNCH_FAILED);
    try (SimulatedCuda lost = SimulatedCuda.builder().faults(faults).build()) {
      CudaStatus.check(lost, lost.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(lost, 0);
          CudaStream stream = CudaStream.create(lost, "stream", 0);
          CudaEvent event = CudaEvent.create(lost, "event", true);
          CudaGraph graph = stream.capture(() -> {});
          CudaGraph.Ready ready = graph.instantiate()) {
        assertThat(lost.cuMemGetInfo_v2(null, null)).isEqualTo(CudaStatus.LAUNCH_FAILED.code());
        assertThatThrownBy(() -> stream.await(CudaStream.Wait.BLOCK))
            .isInstanceOf(CudaException.class)
            .hasMessageContaining("enqueued before")
            .satisfies(
                e -> assertThat(((CudaException) e).sort()).isEqualTo(CudaStatus.Sort.DEVICE_LOST));
        assertThatThrownBy(() -> event.record(stream)).isInstanceOf(CudaException.class);
        assertThatThrownBy(() -> ready.launch(stream)).isInstanceOf(CudaException.class);
      }
    }
    assertThat(HandleLedger.snapshot().live()).isEqualTo(before.live());
  }

  /** What the driver does not take back is still there, and the ledger says so. */
  @Test
  void aRefusedReleaseIsNoClose() {
    HandleLedger.Snapshot before = HandleLedger.snapshot();
    FaultPlan faults = FaultPlan.none().failCall("cuMemFree_v2", 1, CudaStatus.INVALID_VALUE);
    try (SimulatedCuda faulty = SimulatedCuda.builder().faults(faults).build()) {
      CudaStatus.check(faulty, faulty.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(faulty, 0)) {
        DeviceMemory memory = DeviceMemory.allocate(faulty, "refused", 64);
        memory.close();
        assertThat(memory.isOpen()).isTrue();
        assertThat(HandleLedger.snapshot().live()).containsEntry("device memory", 1L);
        assertThat(faulty.leaks()).anyMatch(leak -> leak.contains("64 bytes"));
        memory.close();
        assertThat(memory.isOpen()).isFalse();
      }
      assertThat(faulty.leaks()).isEmpty();
    }
    assertThat(HandleLedger.snapshot().live()).isEqualTo(before.live());
  }

  /** Memory of a context that is gone went with it. */
  @Test
  void closingAfterTheContextIsSilent() {
    DeviceMemory memory;
    CudaGraph graph;
    try (SimulatedCuda other = SimulatedCuda.builder().build()) {
      CudaStatus.check(other, other.cuInit(0), "cuInit", "0");
      try (PrimaryContext _ = PrimaryContext.enter(other, 0);
          CudaStream stream = CudaStream.create(other, "stream", 0)) {
        memory = DeviceMemory.allocate(other, "late", 64);
        graph = stream.capture(() -> {});
      }
      memory.close();
      graph.close();
      assertThat(memory.isOpen()).isFalse();
      assertThat(other.leaks()).isEmpty();
    }
  }

  /** The application destroys its context while ours is current. */
  @Test
  void aFormerContextThatIsGoneIsNotRestored() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(cuda, cuda.cuCtxGetCurrent(out), "cuCtxGetCurrent", "");
      long below = out.get(JAVA_LONG, 0);
      CudaStatus.check(cuda, cuda.cuCtxCreate_v4(out, 0, 0, 0), "cuCtxCreate", "");
      long own = out.get(JAVA_LONG, 0);
      try (PrimaryContext _ = PrimaryContext.enter(cuda, 0)) {
        CudaStatus.check(cuda, cuda.cuCtxDestroy_v2(own), "cuCtxDestroy_v2", "");
      }
      CudaStatus.check(cuda, cuda.cuCtxGetCurrent(out), "cuCtxGetCurrent", "");
      assertThat(out.get(JAVA_LONG, 0)).isEqualTo(below);
    }
  }
}
