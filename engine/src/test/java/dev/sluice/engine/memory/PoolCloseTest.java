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
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** How pools and their streams close: with leases, with takes under way, with failures. */
class PoolCloseTest {
  @Test
  void aStreamsMemoryDoesNotCloseUnderATakeThatGrows() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool pool = fixture.device("pool")) {
      StreamMemory memory = pool.on(fixture.stream());
      DeviceLease lease = memory.newLease("growing");
      closeMeanwhile(fixture, "cuMemAlloc_v2", memory, () -> lease.take(1000));
      lease.close();
      memory.close();
    }
  }

  @Test
  void aPinnedPoolDoesNotCloseUnderATakeThatGrows() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        PinnedPool pool = fixture.pinned("pool")) {
      PinnedLease lease = pool.newLease("growing");
      closeMeanwhile(fixture, "cuMemHostAlloc", pool, () -> lease.take(1000));
      lease.close();
    }
  }

  @Test
  void aPinnedPoolDoesNotCloseUnderATakeThatWaits() {
    try (CudaPoolFixture fixture =
            new CudaPoolFixture(SimulatedCuda.builder().stepped(1).build(), MIB);
        PinnedPool pool = fixture.pinned("pool");
        DevicePool device = fixture.device("device")) {
      long stream = fixture.stream();
      PinnedLease lease = pool.newLease("waiting").take(MIB / 2);
      try (StreamMemory memory = device.on(stream);
          DeviceLease target = memory.newLease("target").take(MIB / 2)) {
        ok(fixture.cuda().cuMemcpyHtoDAsync_v2(target.address(), lease.address(), MIB / 2, stream));
        lease.closeAfter(stream);
        fixture.before(
            "cuEventSynchronize",
            () ->
                fixture.elsewhere(() ->
                    assertThatThrownBy(pool::close)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("waiting, 524288 bytes")));
        lease.take(MIB / 2).close();
        assertThat(pool.stats().waits()).isEqualTo(1);
      }
    }
  }

  /**
   * Closes something on another thread while a lease is taken; it is refused, or waits its turn.
   */
  private static void closeMeanwhile(
      CudaPoolFixture fixture, String function, AutoCloseable closing, Runnable take) {
    AtomicReference<Exception> refused = new AtomicReference<>();
    Thread closer =
        Thread.ofPlatform()
            .unstarted(() -> {
              try {
                closing.close();
              } catch (Exception e) {
                refused.set(e);
              }
            });
    fixture.before(
        function,
        () -> {
          closer.start();
          while (closer.getState() != Thread.State.BLOCKED && closer.isAlive()) {
            Thread.onSpinWait();
          }
        });
    take.run();
    CudaPoolFixture.await(closer);
    assertThat(refused.get())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("live leases: [growing, ");
  }

  @Test
  void aStreamsMemoryStaysOpenWhereItsStreamCannotBeWaitedFor() {
    FaultPlan faults = FaultPlan.none().failCall("cuEventSynchronize", 1, CudaStatus.OUT_OF_MEMORY);
    SimulatedCuda cuda = SimulatedCuda.builder().stepped(1).faults(faults).build();
    try (CudaPoolFixture fixture = new CudaPoolFixture(cuda, MemoryBudget.UNLIMITED);
        DevicePool pool = fixture.device("pool");
        StreamMemory b = pool.on(fixture.stream())) {
      long stream = fixture.stream();
      StreamMemory a = pool.on(stream);
      DeviceLease lease = a.newLease("used").take(1000);
      ok(cuda.cuMemsetD8Async(lease.address(), (byte) 1, 1000, stream));
      long address = lease.address();
      lease.close();
      assertThatThrownBy(a::close).isInstanceOf(CudaException.class);
      try (DeviceLease other = b.newLease("other").take(1000)) {
        assertThat(other.address()).isNotEqualTo(address);
      }
      a.close();
      try (DeviceLease orphan = b.newLease("orphan").take(1000)) {
        ok(cuda.cuMemsetD8Async(orphan.address(), (byte) 2, 1000, b.stream()));
      }
      cuda.runAll();
    }
  }

  @Test
  void aPoolStaysOpenWhereTheDriverTakesNothingBack() {
    FaultPlan faults =
        FaultPlan.none()
            .failCall("cuMemFree_v2", 1, CudaStatus.UNKNOWN)
            .failCall("cuMemFreeHost", 1, CudaStatus.UNKNOWN);
    try (CudaPoolFixture fixture = CudaPoolFixture.with(faults)) {
      DevicePool device = fixture.device("device");
      try (StreamMemory memory = device.on(fixture.stream())) {
        memory.newLease("a").take(1000).close();
        memory.newLease("b").take(5000).close();
      }
      PinnedPool pinned = fixture.pinned("pinned");
      pinned.newLease("c").take(1000).close();
      assertThatThrownBy(device::close)
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("cuMemFree_v2(pool device)");
      assertThatThrownBy(pinned::close)
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("cuMemFreeHost(pool pinned)");
      assertThat(device.stats().heldBytes()).isEqualTo(5120);
      assertThat(fixture.root().level().usedBytes()).isEqualTo(5120 + 1024);
      pinned.newLease("open still").take(1000).close();
      pinned.close();
      device.close();
      assertThat(device.trim(1)).isZero();
      assertThat(pinned.trim(1)).isZero();
    }
  }

  @Test
  void aStreamThatIsCapturingIsNotClosed() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool pool = fixture.device("pool");
        StreamMemory memory = pool.on(fixture.stream())) {
      memory.newLease("a").take(1000).close();
      memory.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
      assertThatThrownBy(memory::close)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("end the capture");
      memory.endCapture(fixture.out());
      ok(fixture.cuda().cuGraphDestroy(fixture.out().get(JAVA_LONG, 0)));
    }
  }

  @Test
  void whatIsStillUsedIsNamed() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool pool = fixture.device("device");
        PinnedPool pinned = fixture.pinned("pinned");
        StreamMemory memory = pool.on(fixture.stream());
        DeviceLease _ = memory.newLease("input").take(1000);
        PinnedLease _ = pinned.newLease("staging").take(2000)) {
      assertThatThrownBy(pool::close)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("pool device")
          .hasMessageContaining("input, 1000 bytes");
      assertThatThrownBy(pinned::close)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("pool pinned has live leases: [staging, 2000 bytes");
      if (Boolean.getBoolean("sluice.checked")) {
        assertThatThrownBy(pinned::close).hasMessageContaining("PoolCloseTest.whatIsStillUsed");
      }
    }
  }

  @Test
  void theCountsOutliveTheStreams() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        DevicePool pool = fixture.device("pool")) {
      for (int i = 0; i < 3; i++) {
        try (StreamMemory memory = pool.on(fixture.stream())) {
          memory.newLease("a").take(1000).close();
          memory.newLease("a").take(1000).close();
        }
      }
      // One hit in each stream, and the second and third stream take the orphan.
      assertThat(pool.stats().hits()).isEqualTo(5);
      assertThat(pool.stats().allocations()).isEqualTo(1);
    }
  }

  @Test
  void aDestroyedContextLetsThePoolsClose() {
    SimulatedCuda cuda = SimulatedCuda.builder().build();
    try (CudaPoolFixture fixture = new CudaPoolFixture(cuda, MemoryBudget.UNLIMITED)) {
      ok(cuda.cuCtxCreate_v4(fixture.out(), 0, 0, 0));
      long own = fixture.out().get(JAVA_LONG, 0);
      DevicePool pool = new DevicePool(cuda, own, "own", fixture.root());
      PinnedPool pinned = new PinnedPool(cuda, own, "own pinned", fixture.root());
      pinned.newLease("a").take(1000).close();
      ok(cuda.cuStreamCreateWithPriority(fixture.out(), CudaConstants.CU_STREAM_NON_BLOCKING, 0));
      StreamMemory memory = pool.on(fixture.out().get(JAVA_LONG, 0));
      memory.newLease("b").take(1000).close();
      ok(cuda.cuStreamDestroy_v2(memory.stream()));
      ok(cuda.cuCtxDestroy_v2(own));
      fixture.enter();
      assertThatThrownBy(() -> pool.on(0)).isInstanceOf(CudaException.class);
      memory.close();
      pool.close();
      pinned.close();
    }
  }

  @Test
  void aSegmentThatACallUsesIsNotClosed() throws IOException {
    if (!Boolean.getBoolean("sluice.checked")) {
      return;
    }
    Pipe pipe = Pipe.open();
    try (CudaPoolFixture fixture = CudaPoolFixture.open();
        PinnedPool pool = fixture.pinned("pool");
        Pipe.SourceChannel source = pipe.source();
        Pipe.SinkChannel sink = pipe.sink()) {
      PinnedLease lease = pool.newLease("read into").take(1000);
      MemorySegment segment = lease.segment();
      Thread reader =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  source.read(segment.asByteBuffer());
                } catch (IOException e) {
                  throw new AssertionError(e);
                }
              });
      while (Arrays.stream(reader.getStackTrace())
          .noneMatch(frame -> frame.getMethodName().equals("read0"))) {
        Thread.onSpinWait();
      }
      assertThatThrownBy(lease::close).isInstanceOf(IllegalStateException.class);
      assertThat(lease.segment().byteSize()).isEqualTo(1024);
      assertThat(pool.stats().leases()).isEqualTo(1);
      sink.write(ByteBuffer.allocate(1));
      CudaPoolFixture.await(reader);
      lease.close();
    }
  }
}
