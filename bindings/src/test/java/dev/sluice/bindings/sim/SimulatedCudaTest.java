package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the simulated device catches, beyond the contract of the driver. */
class SimulatedCudaTest extends SimulatedCudaFixture {
  @Test
  void aKernelThatLeavesItsMemoryLosesTheDeviceLate() {
    start(SimulatedCuda.builder());
    long a = memory(100);
    long stream = stream();
    ok(fill(a, 25, stream));
    ok(cuda.cuStreamSynchronize(stream));
    ok(fill(a, 26, stream));
    is(CudaStatus.ILLEGAL_ADDRESS, cuda.cuStreamSynchronize(stream));
    is(CudaStatus.ILLEGAL_ADDRESS, cuda.cuMemAlloc_v2(out, 8));
    is(CudaStatus.ILLEGAL_ADDRESS, cuda.cuMemFree_v2(a));
    assertThat(cuda.failures()).singleElement().asString().contains("sluice_fill").contains("100");
    assertThat(cuda.leaks()).noneMatch(leak -> leak.contains("DEVICE"));
  }

  @Test
  void memoryIsNotThereAfterItsFreeHasRun() {
    start(SimulatedCuda.builder().stepped(1));
    long stream = stream();
    long other = stream();
    ok(cuda.cuMemAllocAsync(out, 64, stream));
    long a = result();
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 64, other));
    ok(cuda.cuMemFreeAsync(a, stream));
    is(CudaStatus.INVALID_VALUE, cuda.cuMemsetD8Async(a, (byte) 2, 64, stream));
    is(CudaStatus.INVALID_VALUE, cuda.cuMemFreeAsync(a, stream));
    assertThat(cuda.step(stream)).isTrue();
    assertThat(cuda.step(stream)).isFalse();
    assertThat(cuda.step(other)).isTrue();
    is(CudaStatus.ILLEGAL_ADDRESS, cuda.cuStreamQuery(other));
  }

  @Test
  void whatNobodyWroteIsNotZero() {
    start(SimulatedCuda.builder());
    long a = memory(8);
    ok(cuda.cuMemcpyDtoH_v2(out, a, 8));
    assertThat(out.asSlice(0, 8).toArray(JAVA_BYTE)).containsOnly(Allocation.POISON);
  }

  @Test
  void unorderedAccessesAreRaces() {
    start(SimulatedCuda.builder().stepped(3));
    long one = stream();
    long two = stream();
    long a = memory(128);
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 64, one));
    ok(cuda.cuMemsetD8Async(a + 64, (byte) 2, 64, two));
    cuda.runAll();
    assertThat(cuda.races()).isEmpty();
    ok(cuda.cuMemsetD8Async(a + 63, (byte) 3, 1, two));
    cuda.runAll();
    assertThat(cuda.races()).singleElement().asString().contains("stream").contains("a fill");
  }

  @Test
  void eventsAndWaitsOfTheHostPutAccessesInOrder() {
    start(SimulatedCuda.builder().stepped(4));
    long one = stream();
    long two = stream();
    long a = memory(64);
    ok(cuda.cuEventCreate(out, 0));
    long event = result();
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 64, one));
    ok(cuda.cuEventRecord(event, one));
    ok(cuda.cuStreamWaitEvent(two, event, 0));
    ok(cuda.cuMemsetD8Async(a, (byte) 2, 64, two));
    ok(cuda.cuStreamSynchronize(two));
    ok(cuda.cuMemsetD8Async(a, (byte) 3, 64, one));
    cuda.runAll();
    assertThat(cuda.races()).isEmpty();
  }

  @Test
  void anEventRecordedTooEarlyPutsNothingInOrder() {
    start(SimulatedCuda.builder().stepped(5));
    long one = stream();
    long two = stream();
    long a = memory(64);
    ok(cuda.cuEventCreate(out, 0));
    long event = result();
    ok(cuda.cuEventRecord(event, one));
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 64, one));
    ok(cuda.cuStreamWaitEvent(two, event, 0));
    ok(cuda.cuMemsetD8Async(a, (byte) 2, 64, two));
    cuda.runAll();
    assertThat(cuda.races()).hasSize(1);
  }

  @Test
  void theSameSeedGivesTheSameOrder() {
    List<List<Byte>> runs = new ArrayList<>();
    for (long seed : new long[] {11, 11, 12, 13, 14}) {
      start(SimulatedCuda.builder().stepped(seed));
      long one = stream();
      long two = stream();
      long a = memory(1);
      List<Byte> seen = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        ok(cuda.cuMemsetD8Async(a, (byte) i, 1, i % 2 == 0 ? one : two));
      }
      while (cuda.step()) {
        // A look through the legacy stream would be a step of its own.
        seen.add((byte) (cuda.streamLength(one) * 16 + cuda.streamLength(two)));
      }
      runs.add(seen);
      cuda.close();
      cuda = null;
    }
    assertThat(runs.get(0)).isEqualTo(runs.get(1));
    assertThat(runs.subList(1, 5)).as("some seed differs").anyMatch(r -> !r.equals(runs.get(0)));
  }

  @Test
  void memoryIsAccountedFor() {
    start(SimulatedCuda.builder().memoryBytes(10 << 20));
    long a = memory(6 << 20);
    is(CudaStatus.OUT_OF_MEMORY, cuda.cuMemAlloc_v2(out, 5 << 20));
    is(CudaStatus.OUT_OF_MEMORY, cuda.cuMemAlloc_v2(out, Long.MAX_VALUE));
    is(CudaStatus.OUT_OF_MEMORY, cuda.cuMemAlloc_v2(out, -1));
    ok(cuda.cuMemFree_v2(a));
    memory(10 << 20);
    assertThat(cuda.usedBytes(0)).isEqualTo(10 << 20);
  }

  @Test
  void machinesThatCannotServeSaySo() {
    SimulatedCuda none = SimulatedCuda.builder().devices(0).build();
    is(CudaStatus.NO_DEVICE, none.cuInit(0));
    none.close();
    SimulatedCuda prohibited =
        SimulatedCuda.builder().computeMode(CudaConstants.CU_COMPUTEMODE_PROHIBITED).build();
    ok(prohibited.cuInit(0));
    is(CudaStatus.DEVICE_UNAVAILABLE, prohibited.cuDevicePrimaryCtxRetain(out, 0));
    prohibited.close();
    SimulatedCuda fresh = SimulatedCuda.builder().build();
    is(CudaStatus.NOT_INITIALIZED, fresh.cuDeviceGetCount(out));
    fresh.close();
  }

  @Test
  void aContextThatWasDestroyedIsGoneWithAllOfIt() {
    start(SimulatedCuda.builder());
    ok(cuda.cuCtxCreate_v4(out, 0, 0, 0));
    long context = result();
    long stream = stream();
    memory(64);
    ok(cuda.cuCtxDestroy_v2(context));
    is(CudaStatus.INVALID_HANDLE, cuda.cuStreamSynchronize(stream));
    is(CudaStatus.INVALID_CONTEXT, cuda.cuCtxSetCurrent(context));
    is(CudaStatus.INVALID_CONTEXT, cuda.cuCtxDestroy_v2(context));
    assertThat(cuda.leaks()).singleElement().asString().contains("retain");
  }

  @Test
  void theFormerContextIsCurrentAgainAfterItsSuccessorIsDestroyed() {
    start(SimulatedCuda.builder());
    ok(cuda.cuCtxGetCurrent(out));
    long primary = result();
    ok(cuda.cuCtxCreate_v4(out, 0, 0, 0));
    ok(cuda.cuCtxDestroy_v2(result()));
    ok(cuda.cuCtxGetCurrent(out));
    assertThat(result()).isEqualTo(primary);
    ok(cuda.cuCtxSetCurrent(0));
    ok(cuda.cuCtxGetCurrent(out));
    assertThat(result()).isZero();
  }

  @Test
  void questionsAboutWhatIsNotThereAreRefused() {
    start(
        SimulatedCuda.builder()
            .stepped(1)
            .faults(FaultPlan.none().failCall("cuCtxSynchronize", 1, CudaStatus.LAUNCH_FAILED)));
    long gone = stream();
    ok(cuda.cuStreamDestroy_v2(gone));
    ok(cuda.cuMemAllocAsync(out, 64, 0));
    long a = result();
    is(CudaStatus.LAUNCH_FAILED, cuda.cuCtxSynchronize());
    is(CudaStatus.LAUNCH_FAILED, cuda.cuCtxSetCurrent(0));
    is(CudaStatus.INVALID_CONTEXT, cuda.cuMemFreeAsync(a, 0));
    for (ThrowingCallable question :
        List.<ThrowingCallable>of(
            () -> cuda.step(0),
            () -> cuda.step(gone),
            () -> cuda.streamLength(0),
            () -> cuda.usedBytes(1))) {
      assertThatThrownBy(question).isInstanceOf(IllegalArgumentException.class);
    }
    cuda.close();
    cuda.close();
  }

  @Test
  void devicesThatCannotBeAreRefused() {
    for (SimulatedDevices devices :
        List.of(
            SimulatedCuda.builder().devices(-1),
            SimulatedCuda.builder().memoryBytes(0),
            SimulatedCuda.builder().architecture(9, 0, 0),
            SimulatedCuda.builder().computeMode(9),
            SimulatedCuda.builder().kernels(Map.of("kernel", parameters(8, 0))))) {
      assertThatThrownBy(devices::build).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void whatIsSaidAfterTheBuildIsOfTheNextDriver() {
    SimulatedDevices devices = SimulatedCuda.builder().memoryBytes(1 << 20);
    start(devices);
    devices.memoryBytes(2 << 20);
    is(CudaStatus.OUT_OF_MEMORY, cuda.cuMemAlloc_v2(out, 2 << 20));
  }

  @Test
  void parametersLieAsInAStructure() {
    start(SimulatedCuda.builder().kernels(Map.of("kernel", parameters(4, 24, 2, 16, 1))));
    MemorySegment image = arena.allocateFrom("sluice-sim-module\nkernel\n");
    ok(cuda.cuModuleLoadDataEx(out, image, 0, MemorySegment.NULL, MemorySegment.NULL));
    ok(cuda.cuModuleGetFunction(out, result(), arena.allocateFrom("kernel")));
    long kernel = result();
    long[] offsets = {0, 8, 32, 48, 64};
    for (int i = 0; i < offsets.length; i++) {
      ok(cuda.cuFuncGetParamInfo(kernel, i, out, MemorySegment.NULL));
      assertThat(result()).isEqualTo(offsets[i]);
    }
  }

  /** A kernel of parameters of those bytes that does nothing. */
  private static SimulatedKernel parameters(int... bytes) {
    return new SimulatedKernel() {
      @Override
      public int[] parameterBytes() {
        return bytes;
      }

      @Override
      public void run(KernelLaunch launch) {}
    };
  }

  @Test
  void aStreamOfAnotherContextIsRefused() {
    start(SimulatedCuda.builder());
    long stream = stream();
    ok(cuda.cuCtxGetCurrent(out));
    ok(cuda.cuCtxCreate_v4(out, 0, 0, 0));
    long own = result();
    is(CudaStatus.INVALID_CONTEXT, cuda.cuStreamSynchronize(stream));
    ok(cuda.cuCtxDestroy_v2(own));
  }

  @Test
  void theLegacyStreamWaitsForBlockingOnes() {
    start(SimulatedCuda.builder().stepped(8));
    ok(cuda.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_DEFAULT, 0));
    long blocking = result();
    long a = memory(8);
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 8, blocking));
    ok(cuda.cuMemsetD8Async(a, (byte) 2, 8, 0));
    ok(cuda.cuMemsetD8Async(a, (byte) 3, 8, blocking));
    assertThat(cuda.step(0)).isFalse();
    assertThat(cuda.step(blocking)).isTrue();
    assertThat(cuda.step(blocking)).isFalse();
    assertThat(cuda.step(0)).isTrue();
    assertThat(cuda.step(blocking)).isTrue();
    assertThat(cuda.races()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(CudaStatus.class)
  void everyStatusHasItsName(CudaStatus status) {
    start(SimulatedCuda.builder());
    ok(cuda.cuGetErrorName(status.code(), out));
    assertThat(MemorySegment.ofAddress(result()).reinterpret(100).getString(0))
        .isEqualTo(status.cName());
  }
}
