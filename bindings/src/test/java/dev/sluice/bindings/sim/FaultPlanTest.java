package dev.sluice.bindings.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.generated.CUgraphExecUpdateResultInfo_st;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Faults come as planned. */
class FaultPlanTest extends SimulatedCudaFixture {
  @Test
  void faultsComeAsPlanned() {
    FaultPlan faults =
        FaultPlan.none()
            .failAllocation(2)
            .failCall("cuStreamCreateWithPriority", 2, CudaStatus.UNKNOWN)
            .failLaunchLate(2, CudaStatus.LAUNCH_FAILED);
    assertThat(faults.toString()).contains("allocation 2").contains("launch 2");
    start(SimulatedCuda.builder().faults(faults));
    long a = memory(128);
    is(CudaStatus.OUT_OF_MEMORY, cuda.cuMemHostAlloc(out, 64, 0));
    ok(cuda.cuMemHostAlloc(out, 64, 0));
    long stream = stream();
    is(CudaStatus.UNKNOWN, cuda.cuStreamCreateWithPriority(out, 0, 0));
    ok(fill(a, 32, stream));
    ok(cuda.cuStreamSynchronize(stream));
    ok(fill(a, 32, stream));
    is(CudaStatus.LAUNCH_FAILED, cuda.cuStreamSynchronize(stream));
  }

  @Test
  void aSlowCopyTakesAStepMore() {
    start(SimulatedCuda.builder().stepped(2).faults(FaultPlan.none().slowCopies(2, 1_000_000)));
    long stream = stream();
    long a = memory(64);
    long b = memory(64);
    ok(cuda.cuMemcpyDtoDAsync_v2(a, b, 64, stream));
    assertThat(cuda.streamLength(stream)).isEqualTo(1);
    ok(cuda.cuMemcpyDtoDAsync_v2(a, b, 64, stream));
    assertThat(cuda.streamLength(stream)).isEqualTo(3);
    ok(cuda.cuStreamSynchronize(stream));
  }

  @Test
  void randomFaultsFollowTheirSeed() {
    List<Integer> first = randomStatuses(99);
    assertThat(first).contains(0).contains(CudaStatus.OUT_OF_MEMORY.code());
    assertThat(randomStatuses(99)).isEqualTo(first);
    assertThat(randomStatuses(100)).isNotEqualTo(first);
  }

  private List<Integer> randomStatuses(long seed) {
    start(
        SimulatedCuda.builder()
            .faults(
                FaultPlan.none()
                    .failAtRandom(seed, 0.3, CudaStatus.OUT_OF_MEMORY, "cuMemAlloc_v2")));
    List<Integer> statuses = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      statuses.add(cuda.cuMemAlloc_v2(out, 64));
    }
    cuda.close();
    cuda = null;
    return statuses;
  }

  @Test
  void aLaunchOfAGraphCountsItsLaunches() {
    start(
        SimulatedCuda.builder()
            .faults(FaultPlan.none().failLaunchLate(3, CudaStatus.LAUNCH_FAILED)));
    long stream = stream();
    long a = memory(64);
    ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED));
    ok(fill(a, 16, stream));
    ok(cuda.cuStreamEndCapture(stream, out));
    ok(cuda.cuGraphInstantiateWithFlags(out, result(), 0));
    long exec = result();
    for (int i = 0; i < 2; i++) {
      ok(cuda.cuGraphLaunch(exec, stream));
      ok(cuda.cuStreamSynchronize(stream));
    }
    ok(cuda.cuGraphLaunch(exec, stream));
    is(CudaStatus.LAUNCH_FAILED, cuda.cuStreamSynchronize(stream));
  }

  @Test
  void slowCopiesLeaveACapturedGraphAsItIs() {
    start(SimulatedCuda.builder().faults(FaultPlan.none().slowCopies(2, 1000)));
    long stream = stream();
    long a = memory(64);
    long host = pinned(64).fill((byte) 3).address();
    long[] graphs = new long[2];
    for (int i = 0; i < 2; i++) {
      ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED));
      ok(cuda.cuMemcpyHtoDAsync_v2(a, host, 64, stream));
      ok(cuda.cuStreamEndCapture(stream, out));
      graphs[i] = result();
    }
    ok(cuda.cuGraphInstantiateWithFlags(out, graphs[0], 0));
    long exec = result();
    ok(cuda.cuGraphExecUpdate_v2(exec, graphs[1], CUgraphExecUpdateResultInfo_st.allocate(arena)));
    for (int i = 0; i < 3; i++) {
      ok(cuda.cuGraphLaunch(exec, stream));
    }
    ok(cuda.cuStreamSynchronize(stream));
    assertThat(read(a)).isEqualTo((byte) 3);
  }

  @Test
  void aPlanThatWouldNotDoWhatItSaysIsRefused() {
    FaultPlan plan = FaultPlan.none().loseDevice(9).slowCopies(1, 1);
    assertThatThrownBy(() -> plan.loseDevice(7)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> plan.slowCopies(2, 2)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> plan.failLaunchLate(1, CudaStatus.OUT_OF_MEMORY))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> plan.failCall("cuNoSuch", 1, CudaStatus.UNKNOWN))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> plan.failAtRandom(1, 1, CudaStatus.UNKNOWN, "cuNoSuch"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void randomRulesAdd() {
    start(
        SimulatedCuda.builder()
            .stepped(4711)
            .faults(
                FaultPlan.none()
                    .failAtRandom(1, 1, CudaStatus.OUT_OF_MEMORY, "cuMemAlloc_v2")
                    .failAtRandom(2, 1, CudaStatus.UNKNOWN, "cuEventCreate")));
    is(CudaStatus.OUT_OF_MEMORY, cuda.cuMemAlloc_v2(out, 64));
    is(CudaStatus.UNKNOWN, cuda.cuEventCreate(out, 0));
    assertThat(cuda).asString().contains("4711", "seed 1", "seed 2");
  }

  @Test
  void aDeviceCanBeLostAtACall() {
    start(SimulatedCuda.builder().faults(FaultPlan.none().loseDevice(6)));
    memory(8);
    memory(8);
    is(CudaStatus.ECC_UNCORRECTABLE, cuda.cuMemAlloc_v2(out, 8));
    is(CudaStatus.ECC_UNCORRECTABLE, cuda.cuCtxSynchronize());
    ok(cuda.cuDriverGetVersion(out));
  }
}
