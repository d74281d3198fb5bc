package dev.sluice.engine.memory;

import static dev.sluice.engine.memory.CudaPoolFixture.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Budgets as a tree: what they count, whom they refuse, and whose memory is given back. */
class MemoryBudgetTest {
  @Test
  void aReservationThatIsRefusedAboveIsNeverSeenBelow() {
    MemoryBudget root = MemoryBudget.root("root", 150);
    MemoryBudget other = root.child("other", MemoryBudget.UNLIMITED);
    MemoryBudget child = root.child("child", 100);
    assertThat(other.reserve(100)).isNull();
    AtomicBoolean stop = new AtomicBoolean();
    AtomicBoolean reserved = new AtomicBoolean();
    Thread refused =
        Thread.ofPlatform()
            .start(() -> {
              while (!stop.get()) {
                reserved.compareAndSet(false, child.reserve(90) == null);
              }
            });
    int refusals = 0;
    for (int i = 0; i < 300_000; i++) {
      if (child.reserve(20) == null) {
        child.release(20);
      } else {
        refusals++;
      }
    }
    stop.set(true);
    CudaPoolFixture.await(refused);
    assertThat(refusals).isZero();
    assertThat(reserved).isFalse();
    assertThat(child.level().highWaterBytes()).isEqualTo(20);
    assertThat(root.level().highWaterBytes()).isEqualTo(120);
    other.release(100);
  }

  @Test
  void everyLevelWithoutRoomIsTrimmed() {
    try (CudaPoolFixture fixture = CudaPoolFixture.limitedTo(150 * MIB);
        DevicePool other = fixture.device(fixture.child("other", MemoryBudget.UNLIMITED));
        DevicePool mine = fixture.device(fixture.child("mine", 100 * MIB));
        StreamMemory a = other.on(fixture.stream());
        StreamMemory b = mine.on(fixture.stream())) {
      a.newLease("idle").take(100 * MIB).close();
      b.newLease("idle").take(28 * MIB).close();
      b.newLease("wanted").take(80 * MIB).close();
      assertThat(other.stats().heldBytes()).isZero();
      assertThat(mine.stats().heldBytes()).isEqualTo(80 * MIB);
    }
  }

  @Test
  void whatNeverFitsIsRefusedAndNothingGivenBack() {
    try (CudaPoolFixture fixture = CudaPoolFixture.limitedTo(4 * MIB);
        DevicePool pool = fixture.device("pool");
        StreamMemory memory = pool.on(fixture.stream())) {
      memory.newLease("idle").take(MIB).close();
      assertThatThrownBy(() -> memory.newLease("huge").take(5 * MIB))
          .isInstanceOf(MemoryExhaustedException.class)
          .hasMessageContaining("the budget device refuses; 0 bytes");
      assertThat(pool.stats().heldBytes()).isEqualTo(MIB);
    }
  }

  @Test
  void aFullDeviceLeavesPinnedMemoryAlone() {
    SimulatedCuda cuda = SimulatedCuda.builder().memoryBytes(256 * MIB).build();
    try (CudaPoolFixture fixture = new CudaPoolFixture(cuda, MemoryBudget.UNLIMITED);
        PinnedPool pinned = fixture.pinned("host");
        DevicePool pool = fixture.device("pool");
        DevicePool second = fixture.device("second");
        StreamMemory memory = pool.on(fixture.stream());
        StreamMemory other = second.on(fixture.stream())) {
      pinned.newLease("idle").take(128 * MIB).close();
      memory.newLease("idle").take(100 * MIB).close();
      other.newLease("idle").take(80 * MIB).close();
      memory.newLease("wanted").take(200 * MIB).close();
      assertThat(pinned.stats().frees()).isZero();
      assertThat(second.stats().heldBytes()).isZero();
    }
  }

  @Test
  void onePoolsFailureEndsNobodyElsesTrimming() {
    FaultPlan faults =
        FaultPlan.none()
            .failCall("cuEventSynchronize", 1, CudaStatus.UNKNOWN)
            .failCall("cuEventSynchronize", 3, CudaStatus.UNKNOWN)
            .failCall("cuEventSynchronize", 4, CudaStatus.UNKNOWN);
    SimulatedCuda cuda = SimulatedCuda.builder().faults(faults).build();
    try (CudaPoolFixture fixture = new CudaPoolFixture(cuda, 4 * MIB);
        DevicePool failing = fixture.device("failing");
        DevicePool idle = fixture.device("idle");
        DevicePool taker = fixture.device("taker");
        StreamMemory a = failing.on(fixture.stream());
        StreamMemory b = idle.on(fixture.stream());
        StreamMemory c = taker.on(fixture.stream())) {
      a.newLease("kept").take(MIB).close();
      b.newLease("given").take(3 * MIB).close();
      DeviceLease wanted = c.newLease("wanted").take(2 * MIB);
      assertThat(idle.stats().heldBytes()).isZero();
      assertThat(failing.stats().heldBytes()).isEqualTo(MIB);
      assertThatThrownBy(() -> c.newLease("more").take(2 * MIB))
          .isInstanceOf(MemoryExhaustedException.class)
          .satisfies(
              e -> assertThat(e.getSuppressed()).hasAtLeastOneElementOfType(CudaException.class));
      wanted.close();
    }
  }

  @Test
  void aPoolUnderAClosedBudgetTakesNothing() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open()) {
      MemoryBudget closed = MemoryBudget.root("closed", MemoryBudget.UNLIMITED);
      closed.close();
      assertThatThrownBy(() -> fixture.device(closed))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("the budget closed is closed");
      assertThatThrownBy(() -> fixture.pinned(closed)).isInstanceOf(IllegalStateException.class);
    }
  }
}
