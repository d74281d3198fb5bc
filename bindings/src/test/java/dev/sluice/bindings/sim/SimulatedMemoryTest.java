package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory of the simulated device and of the host: what is there, and how long. */
class SimulatedMemoryTest extends SimulatedCudaFixture {
  private static final long MIB = 1 << 20;

  private long captureCopy(long destination, long source, long stream) {
    ok(cuda.cuStreamBeginCapture_v2(stream, CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    ok(cuda.cuMemcpyDtoHAsync_v2(destination, source, 64, stream));
    ok(cuda.cuStreamEndCapture(stream, out));
    ok(cuda.cuGraphInstantiateWithFlags(out, result(), 0));
    return result();
  }

  @Test
  void aGraphsCopyIntoFreedPinnedMemoryFails() {
    start(SimulatedCuda.builder());
    long stream = stream();
    MemorySegment host = pinned(64);
    long exec = captureCopy(host.address(), memory(64), stream);
    ok(cuda.cuMemFreeHost(host.address()));
    ok(cuda.cuGraphLaunch(exec, stream));
    is(CudaStatus.ILLEGAL_ADDRESS, cuda.cuStreamSynchronize(stream));
    assertThat(cuda.failures()).singleElement().asString().contains("the host's end of a copy");
  }

  @Test
  void aGraphsCopyIntoMemoryThatIsNoLongerRegisteredFails() {
    start(SimulatedCuda.builder());
    long stream = stream();
    MemorySegment host = arena.allocate(4096, 4096).fill((byte) 7);
    ok(cuda.cuMemHostRegister_v2(host.address(), 4096, 0));
    long exec = captureCopy(host.address(), memory(64), stream);
    ok(cuda.cuMemHostUnregister(host.address()));
    ok(cuda.cuGraphLaunch(exec, stream));
    is(CudaStatus.ILLEGAL_ADDRESS, cuda.cuStreamSynchronize(stream));
    assertThat(host.toArray(JAVA_BYTE)).containsOnly(7);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cuMemFree_v2", "cuMemFreeHost", "cuMemHostUnregister"})
  void oneOfTwoThreadsFrees(String function) throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    start(SimulatedCuda.builder());
    long a = memory(MIB);
    memory(MIB);
    long host = pinned(64).address();
    long registered = arena.allocate(4096, 4096).address();
    ok(cuda.cuMemHostRegister_v2(registered, 4096, 0));
    LongSupplier free =
        switch (function) {
          case "cuMemFree_v2" -> () -> cuda.cuMemFree_v2(a);
          case "cuMemFreeHost" -> () -> cuda.cuMemFreeHost(host);
          default -> () -> cuda.cuMemHostUnregister(registered);
        };
    ok(cuda.cuLaunchHostFunc(stream(), hostFunction(gate::await), 0));
    ok(cuda.cuCtxGetCurrent(out));
    long context = result();
    List<Future<Long>> frees = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      for (int i = 0; i < 2; i++) {
        frees.add(
            threads.submit(() -> {
              ok(cuda.cuCtxSetCurrent(context));
              return free.getAsLong();
            }));
      }
      while (frees.stream().noneMatch(Future::isDone)) {
        Thread.onSpinWait();
      }
      gate.countDown();
    }
    assertThat(List.of(frees.get(0).get(), frees.get(1).get())).containsOnlyOnce(0L);
    assertThat(cuda.usedBytes(0)).isEqualTo(function.equals("cuMemFree_v2") ? MIB : 2 * MIB);
  }

  @Test
  void freeingAPoolsMemoryOnTheHostWaitsForNobody() {
    start(SimulatedCuda.builder().stepped(1));
    long stream = stream();
    ok(cuda.cuMemAllocAsync(out, 64, stream));
    long a = result();
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 64, stream));
    ok(cuda.cuMemFree_v2(a));
    assertThat(cuda.streamLength(stream)).isEqualTo(1);
    cuda.runAll();
    assertThat(cuda.failures()).singleElement().asString().contains("no live allocation");
  }

  @Test
  void freeingAPoolsMemoryTooEarlyIsARaceWhereItWasUsed() {
    start(SimulatedCuda.builder().stepped(1));
    long stream = stream();
    for (boolean waits : new boolean[] {true, false}) {
      ok(cuda.cuMemAllocAsync(out, 64, stream));
      long a = result();
      ok(cuda.cuMemsetD8Async(a, (byte) 1, 64, stream));
      cuda.runAll();
      if (waits) {
        ok(cuda.cuStreamSynchronize(stream));
      }
      ok(cuda.cuMemFree_v2(a));
      assertThat(cuda.races()).hasSize(waits ? 0 : 1);
    }
  }

  @Test
  void whatAStreamFreedItMayHaveAgain() {
    start(SimulatedCuda.builder().stepped(1).memoryBytes(10 * MIB));
    long stream = stream();
    long other = stream();
    for (int i = 0; i < 10; i++) {
      ok(cuda.cuMemAllocAsync(out, 4 * MIB, stream));
      ok(cuda.cuMemFreeAsync(result(), stream));
    }
    ok(cuda.cuMemAllocAsync(out, 4 * MIB, stream));
    is(CudaStatus.OUT_OF_MEMORY, cuda.cuMemAllocAsync(out, 8 * MIB, other));
    ok(cuda.cuMemFreeAsync(result(), stream));
    ok(cuda.cuStreamSynchronize(stream));
    assertThat(cuda.usedBytes(0)).isZero();
  }

  @Test
  void waitingForAnEventLetsPoolsReleaseWhatIsOverTheirThreshold() {
    start(SimulatedCuda.builder());
    long stream = stream();
    long event = event();
    ok(cuda.cuMemAllocAsync(out, 4 * MIB, stream));
    ok(cuda.cuMemFreeAsync(result(), stream));
    ok(cuda.cuEventRecord(event, stream));
    ok(cuda.cuEventSynchronize(event));
    assertThat(cuda.usedBytes(0)).isZero();
  }

  @Test
  void aPoolsMemoryOutlivesTheContext() {
    start(SimulatedCuda.builder());
    ok(cuda.cuMemAllocAsync(out, 64, stream()));
    ok(cuda.cuDevicePrimaryCtxRelease_v2(0));
    assertThat(cuda.leaks()).singleElement().asString().contains("POOL memory, 64 bytes");
  }

  @Test
  void pageableMemoryIsReadAtTheCall() {
    start(SimulatedCuda.builder().stepped(1));
    MemorySegment host = arena.allocate(64).fill((byte) 3);
    long a = memory(64);
    long stream = stream();
    ok(cuda.cuMemcpyHtoDAsync_v2(a, host.address(), 64, stream));
    host.fill((byte) 4);
    ok(cuda.cuStreamSynchronize(stream));
    assertThat(read(a)).isEqualTo((byte) 3);
  }

  @Test
  void pinnedMemoryThatNobodyWroteIsNotZero() {
    start(SimulatedCuda.builder());
    assertThat(pinned(64).toArray(JAVA_BYTE)).containsOnly(Allocation.POISON);
  }
}
