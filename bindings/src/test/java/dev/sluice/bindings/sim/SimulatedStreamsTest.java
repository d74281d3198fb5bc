package dev.sluice.bindings.sim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaStatus;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Streams and events of the simulated device: which order they keep, and what they cost. */
class SimulatedStreamsTest extends SimulatedCudaFixture {
  @Test
  void manyStreamsCostNoMoreThanTheirNumber() {
    start(SimulatedCuda.builder());
    long[] streams = new long[40];
    for (int i = 0; i < streams.length; i++) {
      streams[i] = stream();
    }
    long a = memory(64);
    for (int round = 0; round < 60; round++) {
      for (int i = streams.length - 1; i >= 0; i--) {
        ok(cuda.cuMemsetD8Async(a, (byte) i, 64, streams[i]));
        ok(cuda.cuStreamSynchronize(streams[i]));
      }
    }
    assertThat(cuda.driver.progress.observed().length()).isLessThanOrEqualTo(2 * streams.length);
    assertThat(cuda.races()).isEmpty();
  }

  @Test
  void streamsThatAreGoneLeaveTheirPlaceToOthers() {
    start(SimulatedCuda.builder());
    long a = memory(64);
    for (int i = 0; i < 1000; i++) {
      long stream = stream();
      ok(cuda.cuMemsetD8Async(a, (byte) i, 64, stream));
      ok(cuda.cuStreamSynchronize(stream));
      ok(cuda.cuStreamDestroy_v2(stream));
    }
    assertThat(cuda.driver.progress.observed().length()).isLessThanOrEqualTo(16);
    assertThat(cuda.races()).isEmpty();
  }

  @Test
  void aWaitIsForTheRecordThatItSaw() {
    start(SimulatedCuda.builder().stepped(1));
    long one = stream();
    long other = stream();
    long waiting = stream();
    long event = event();
    long a = memory(8);
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 8, one));
    ok(cuda.cuEventRecord(event, one));
    ok(cuda.cuStreamWaitEvent(waiting, event, 0));
    ok(cuda.cuMemsetD8Async(a, (byte) 2, 8, waiting));
    ok(cuda.cuEventRecord(event, other));
    assertThat(cuda.step(waiting)).isFalse();
    ok(cuda.cuEventQuery(event));
    ok(cuda.cuCtxSynchronize());
    assertThat(read(a)).isEqualTo((byte) 2);
    assertThat(cuda.races()).isEmpty();
  }

  @Test
  void aLaterRecordDoesNotHoldAnEarlierWait() {
    start(SimulatedCuda.builder().stepped(1));
    long one = stream();
    long other = stream();
    long waiting = stream();
    long event = event();
    long a = memory(8);
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 8, one));
    ok(cuda.cuEventRecord(event, one));
    ok(cuda.cuStreamWaitEvent(waiting, event, 0));
    ok(cuda.cuMemsetD8Async(memory(8), (byte) 2, 8, other));
    ok(cuda.cuEventRecord(event, other));
    assertThat(cuda.step(one)).isTrue();
    assertThat(cuda.step(one)).isTrue();
    assertThat(cuda.step(waiting)).isTrue();
    is(CudaStatus.NOT_READY, cuda.cuEventQuery(event));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void hostFunctionsMayNotCall(boolean stepped) {
    start(stepped ? SimulatedCuda.builder().stepped(1) : SimulatedCuda.builder());
    long stream = stream();
    AtomicInteger status = new AtomicInteger();
    long function = hostFunction(() -> status.set(cuda.cuStreamSynchronize(stream)));
    ok(cuda.cuLaunchHostFunc(stream, function, 0));
    ok(cuda.cuStreamSynchronize(stream));
    is(CudaStatus.NOT_PERMITTED, status.get());
    assertThat(cuda.failures()).singleElement().asString().contains("cuStreamSynchronize");
    ok(cuda.cuCtxSynchronize());
  }

  @Test
  void aCopyWaitsForItselfAndNotForWhatOthersQueueLater() throws Exception {
    CountDownLatch before = new CountDownLatch(1);
    CountDownLatch after = new CountDownLatch(1);
    start(SimulatedCuda.builder());
    long a = memory(8);
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 8, 0));
    ok(cuda.cuCtxSynchronize());
    ok(cuda.cuCtxGetCurrent(out));
    long context = result();
    ok(cuda.cuLaunchHostFunc(0, hostFunction(before::await), 0));
    try (ExecutorService other = Executors.newSingleThreadExecutor()) {
      Future<Byte> copied =
          other.submit(() -> {
            ok(cuda.cuCtxSetCurrent(context));
            return read(a);
          });
      try {
        while (cuda.streamLength(0) < 2) {
          Thread.onSpinWait();
        }
        ok(cuda.cuLaunchHostFunc(0, hostFunction(after::await), 0));
        before.countDown();
        assertThat(copied.get(30, TimeUnit.SECONDS)).isEqualTo((byte) 1);
      } finally {
        before.countDown();
        after.countDown();
      }
    }
  }

  @Test
  void aStreamInAFormerOnesPlaceIsOrderedByItself() {
    start(SimulatedCuda.builder().stepped(1));
    long former = stream();
    long a = memory(64);
    ok(cuda.cuMemsetD8Async(a, (byte) 1, 64, former));
    ok(cuda.cuStreamSynchronize(former));
    ok(cuda.cuStreamDestroy_v2(former));
    long one = stream();
    long two = stream();
    ok(cuda.cuMemsetD8Async(a, (byte) 2, 64, one));
    ok(cuda.cuMemsetD8Async(a, (byte) 3, 64, two));
    cuda.runAll();
    assertThat(cuda.races()).hasSize(1);
  }
}
