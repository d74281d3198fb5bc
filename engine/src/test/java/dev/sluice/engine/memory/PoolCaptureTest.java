package dev.sluice.engine.memory;

import static dev.sluice.engine.memory.CudaPoolFixture.MIB;
import static dev.sluice.engine.memory.CudaPoolFixture.ok;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pools beside captures, of their own streams, of others, and of threads that know no pool. */
class PoolCaptureTest {
  private static void endAndDestroy(CudaPoolFixture fixture, StreamMemory memory) {
    memory.endCapture(fixture.out());
    ok(fixture.cuda().cuGraphDestroy(fixture.out().get(JAVA_LONG, 0)));
  }

  /** All that pools ask of the driver, on the thread that captures, and on another. */
  @ParameterizedTest
  @ValueSource(
      ints = {
        CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL,
        CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
        CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED
      })
  void poolsWorkOnWhileAThreadCaptures(int mode) {
    try (CudaPoolFixture fixture = CudaPoolFixture.limitedTo(8 * MIB);
        DevicePool pool = fixture.device("device");
        PinnedPool pinned = fixture.pinned("pinned");
        StreamMemory a = pool.on(fixture.stream());
        StreamMemory b = pool.on(fixture.stream());
        DeviceLease x = b.newLease("x")) {
      PinnedLease host = pinned.newLease("host");
      Runnable use =
          () -> {
            x.take(MIB).close();
            host.take(1000).closeAfter(b.stream());
            host.take(1000).closeAfter(b.stream());
            x.take(8 * MIB).close();
            pool.trim(Long.MAX_VALUE);
            pinned.trim(Long.MAX_VALUE);
            pool.on(b.stream()).close();
          };
      a.beginCapture(mode);
      use.run();
      fixture.elsewhere(use);
      a.newLease("of the capture").take(2 * MIB).close();
      endAndDestroy(fixture, a);
      // The threads' own modes are as they were.
      a.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
      assertThat(fixture.cuda().cuMemAlloc_v2(fixture.out(), 1000))
          .isEqualTo(CudaStatus.STREAM_CAPTURE_UNSUPPORTED.code());
      assertThatThrownBy(() -> a.endCapture(fixture.out())).isInstanceOf(CudaException.class);
    }
  }

  @Test
  void aStreamThatCapturesDoesNotWaitForAnother() {
    SimulatedCuda cuda = SimulatedCuda.builder().stepped(1).build();
    try (CudaPoolFixture fixture = new CudaPoolFixture(cuda, MIB);
        DevicePool pool = fixture.device("pool");
        StreamMemory a = pool.on(fixture.stream());
        StreamMemory b = pool.on(fixture.stream())) {
      try (DeviceLease busy = b.newLease("busy").take(MIB)) {
        ok(cuda.cuMemsetD8Async(busy.address(), (byte) 1, MIB, b.stream()));
      }
      a.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
      a.newLease("captured").take(MIB).close();
      endAndDestroy(fixture, a);
      assertThat(pool.stats().waits()).isZero();
      assertThat(pool.stats().frees()).isEqualTo(1);
    }
  }

  @Test
  void aStreamThatJoinedACaptureIsLeftAlone() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool pool = fixture.device("pool");
        StreamMemory origin = pool.on(fixture.stream());
        StreamMemory joined = pool.on(fixture.stream());
        StreamMemory other = pool.on(fixture.stream())) {
      SimulatedCuda cuda = fixture.cuda();
      joined.newLease("idle").take(1000).close();
      ok(cuda.cuEventCreate(fixture.out(), CudaConstants.CU_EVENT_DISABLE_TIMING));
      long event = fixture.out().get(JAVA_LONG, 0);
      origin.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
      ok(cuda.cuEventRecord(event, origin.stream()));
      ok(cuda.cuStreamWaitEvent(joined.stream(), event, 0));
      fixture.elsewhere(() -> other.newLease("unrelated").take(1000).close());
      assertThat(pool.trim(Long.MAX_VALUE)).isEqualTo(1024);
      ok(cuda.cuEventRecord(event, joined.stream()));
      ok(cuda.cuStreamWaitEvent(origin.stream(), event, 0));
      endAndDestroy(fixture, origin);
      assertThat(pool.stats().heldBytes()).isEqualTo(1024);
      ok(cuda.cuEventDestroy_v2(event));
    }
  }

  @Test
  void anEndOnTheWrongThreadEndsNothing() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool pool = fixture.device("pool");
        StreamMemory memory = pool.on(fixture.stream())) {
      memory.newLease("x").take(1000).close();
      memory.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
      fixture.elsewhere(() -> {
        assertThatThrownBy(() -> memory.endCapture(fixture.out()))
            .isInstanceOf(CudaException.class)
            .hasMessageContaining("WRONG_THREAD");
        assertThat(pool.trim(1000)).isZero();
      });
      endAndDestroy(fixture, memory);
      assertThat(pool.trim(1000)).isEqualTo(1024);
    }
  }

  @Test
  void aCaptureNeedsNoCurrentContext() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool pool = fixture.device("pool");
        StreamMemory memory = pool.on(fixture.stream())) {
      ok(fixture.cuda().cuCtxSetCurrent(0));
      memory.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
      memory.endCapture(fixture.out());
      long graph = fixture.out().get(JAVA_LONG, 0);
      ok(fixture.cuda().cuCtxGetCurrent(fixture.out()));
      assertThat(fixture.out().get(JAVA_LONG, 0)).isZero();
      fixture.enter();
      ok(fixture.cuda().cuGraphDestroy(graph));
    }
  }

  @Test
  void pinnedMemoryIsNotGivenBackAfterAStreamThatCaptures() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool device = fixture.device("device");
        PinnedPool pool = fixture.pinned("pool");
        StreamMemory memory = device.on(fixture.stream())) {
      PinnedLease lease = pool.newLease("staging").take(1000);
      memory.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
      assertThatThrownBy(() -> lease.closeAfter(memory.stream()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("'staging'")
          .hasMessageContaining("is capturing");
      endAndDestroy(fixture, memory);
      lease.closeAfter(memory.stream());
      pool.newLease("unrelated").take(900).close();
      assertThat(pool.stats().allocations()).isEqualTo(1);
    }
  }

  @Test
  void aPinnedBlockThatTheDriverCannotTellOfIsPassedOver() {
    FaultPlan faults = FaultPlan.none().failCall("cuEventQuery", 1, CudaStatus.UNKNOWN);
    try (CudaPoolFixture fixture = CudaPoolFixture.with(faults);
        PinnedPool pool = fixture.pinned("pool")) {
      long stream = fixture.stream();
      PinnedLease lease = pool.newLease("lease");
      lease.take(1000).closeAfter(stream);
      lease.take(1000).closeAfter(stream);
      lease.take(1000).closeAfter(stream);
      assertThat(pool.stats().allocations()).isEqualTo(1);
      assertThat(pool.stats().hits()).isEqualTo(2);
    }
  }

  @Test
  void aStreamOfEachThreadIsRefused() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool pool = fixture.device("pool");
        PinnedPool pinned = fixture.pinned("pinned");
        PinnedLease lease = pinned.newLease("lease").take(1000)) {
      assertThatThrownBy(() -> pool.on(2))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("CU_STREAM_PER_THREAD");
      assertThatThrownBy(() -> lease.closeAfter(2)).isInstanceOf(IllegalArgumentException.class);
    }
  }
}
