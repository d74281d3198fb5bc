package dev.sluice.engine.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The pools on the simulated device, and what only that can show. */
class DevicePoolTest {
  /** Each test's device must have nothing left, no failure and no race. */
  abstract static class Simulated extends DevicePoolContract {
    protected SimulatedCuda cuda;

    abstract SimulatedCuda make();

    @Override
    protected CudaApi api() {
      cuda = make();
      return cuda;
    }

    @Override
    protected void nothingIsLeft() {
      assertThat(cuda.leaks()).isEmpty();
      assertThat(cuda.races()).as("seed %d", seed).isEmpty();
      cuda.close();
    }
  }

  @Nested
  class Threaded extends Simulated {
    @Override
    SimulatedCuda make() {
      return SimulatedCuda.builder().build();
    }
  }

  @Nested
  class Stepped extends Simulated {
    @Override
    SimulatedCuda make() {
      return SimulatedCuda.builder().stepped(seed).build();
    }
  }

  @Nested
  class Logged extends Simulated {
    @Override
    SimulatedCuda make() {
      return SimulatedCuda.builder().logged().build();
    }

    @Test
    void inTheSteadyStateTheDriverIsNotCalled() {
      DevicePool pool = pool(MemoryBudget.UNLIMITED);
      long stream = stream();
      try (StreamMemory memory = pool.on(stream)) {
        DeviceLease[] leases = new DeviceLease[20];
        for (int i = 0; i < leases.length; i++) {
          leases[i] = memory.newLease("lease " + i);
        }
        Random random = new Random(seed);
        for (int round = 0; round < 3; round++) {
          cuda.clearCalls();
          for (int i = 0; i < leases.length; i++) {
            leases[i].take(1 + (long) random.nextInt(1 << (8 + i)));
          }
          for (DeviceLease lease : leases) {
            lease.close();
          }
          random.setSeed(seed);
        }
        assertThat(cuda.calls()).isEmpty();
      }
      close(pool);
      ok(api.cuStreamDestroy_v2(stream));
    }

    /** Random leases of several streams against a plain list of what is live. */
    @Test
    void liveLeasesNeverOverlap() {
      DevicePool pool = pool(32 * MIB);
      Random random = new Random(seed);
      List<Long> streams = new ArrayList<>();
      List<StreamMemory> memories = new ArrayList<>();
      List<DeviceLease> live = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        streams.add(stream());
        memories.add(pool.on(streams.get(i)));
      }
      int refused = 0;
      for (int step = 0; step < 5000; step++) {
        int which = random.nextInt(4);
        if (random.nextInt(3) > 0) {
          DeviceLease lease = memories.get(which).newLease("step " + step);
          try {
            lease.take(1L << random.nextInt(24));
            live.add(lease);
          } catch (MemoryExhaustedException e) {
            refused++;
          }
        } else if (!live.isEmpty()) {
          live.remove(random.nextInt(live.size())).close();
        }
        if (random.nextInt(500) == 0) {
          pool.trim(random.nextInt(1 << 24));
        }
        long held = 0;
        for (DeviceLease lease : live) {
          held += SizeClasses.bytes(SizeClasses.of(lease.sizeBytes()));
        }
        assertThat(held).as("seed %d", seed).isLessThanOrEqualTo(pool.stats().heldBytes());
        assertThat(pool.stats().heldBytes()).isEqualTo(root.level().usedBytes());
        assertThat(pool.stats().leases()).isEqualTo(live.size());
      }
      assertThat(refused).isPositive();
      List<DeviceLease> byAddress = new ArrayList<>(live);
      byAddress.sort((x, y) -> Long.compare(x.address(), y.address()));
      for (int i = 1; i < byAddress.size(); i++) {
        assertThat(byAddress.get(i).address())
            .isGreaterThanOrEqualTo(
                byAddress.get(i - 1).address() + byAddress.get(i - 1).sizeBytes());
      }
      live.forEach(DeviceLease::close);
      memories.forEach(StreamMemory::close);
      close(pool);
      streams.forEach(stream -> ok(api.cuStreamDestroy_v2(stream)));
    }
  }

  @Nested
  class Faulty extends Simulated {
    private FaultPlan faults = FaultPlan.none();

    @Override
    SimulatedCuda make() {
      faults = FaultPlan.none();
      return SimulatedCuda.builder().memoryBytes(256 * MIB).faults(faults).build();
    }

    @Test
    void aFullDeviceIsTrimmedAndAskedOnceMore() {
      faults.failAllocation(2);
      DevicePool pool = pool(MemoryBudget.UNLIMITED);
      long stream = stream();
      try (StreamMemory memory = pool.on(stream)) {
        memory.newLease("first").take(1000).close();
        DeviceLease lease = memory.newLease("second").take(100_000);
        assertThat(pool.stats().frees()).isEqualTo(1);
        assertThat(pool.stats().allocations()).isEqualTo(2);
        lease.close();
      }
      close(pool);
      ok(api.cuStreamDestroy_v2(stream));
    }

    @Test
    void aFullDeviceIsSaid() {
      DevicePool pool = pool(MemoryBudget.UNLIMITED);
      long stream = stream();
      try (StreamMemory memory = pool.on(stream)) {
        DeviceLease lease = memory.newLease("most").take(200 * MIB);
        assertThatThrownBy(() -> memory.newLease("rest").take(100 * MIB))
            .isInstanceOf(MemoryExhaustedException.class)
            .hasMessageContaining("of 268435456 bytes free")
            .hasMessageContaining("0 bytes that nobody leased were given back");
        lease.close();
      }
      close(pool);
      ok(api.cuStreamDestroy_v2(stream));
    }

    @Test
    void anotherFailureIsPassedOn() {
      faults.failCall("cuMemAlloc_v2", 1, CudaStatus.UNKNOWN);
      DevicePool pool = pool(MemoryBudget.UNLIMITED);
      long stream = stream();
      try (StreamMemory memory = pool.on(stream)) {
        assertThatThrownBy(() -> memory.newLease("x").take(1000))
            .isInstanceOf(CudaException.class)
            .hasMessageContaining("cuMemAlloc_v2(x, 1024 bytes for the pool test)")
            .hasMessageContaining("CUDA_ERROR_UNKNOWN");
        memory.newLease("x").take(1000).close();
      }
      close(pool);
      ok(api.cuStreamDestroy_v2(stream));
    }

    @Test
    void aPinnedBlockThatCannotBeWaitedForIsNotLost() {
      faults.failCall("cuEventSynchronize", 1, CudaStatus.UNKNOWN);
      MemoryBudget budget = root.child("pinned", MemoryBudget.UNLIMITED);
      PinnedPool pinned = new PinnedPool(api, context, "pinned", budget);
      long stream = stream();
      for (int i = 0; i < 3; i++) {
        PinnedLease lease = pinned.newLease("lease " + i).take(1000L << i);
        lease.closeAfter(stream);
      }
      assertThatThrownBy(() -> pinned.trim(Long.MAX_VALUE)).isInstanceOf(CudaException.class);
      assertThat(pinned.stats().heldBytes()).isPositive();
      long held = pinned.stats().heldBytes();
      assertThat(pinned.trim(Long.MAX_VALUE)).isEqualTo(held);
      pinned.close();
      budget.close();
      ok(api.cuStreamDestroy_v2(stream));
    }

    @Test
    void aFailedEventLeavesNothingBehind() {
      faults
          .failCall("cuStreamIsCapturing", 1, CudaStatus.UNKNOWN)
          .failCall("cuStreamQuery", 1, CudaStatus.UNKNOWN)
          .failCall("cuStreamQuery", 2, CudaStatus.NOT_READY)
          .failCall("cuEventRecord", 1, CudaStatus.UNKNOWN)
          .failCall("cuStreamQuery", 3, CudaStatus.NOT_READY)
          .failCall("cuStreamWaitEvent", 1, CudaStatus.UNKNOWN);
      DevicePool pool = pool(MIB);
      long first = stream();
      long second = stream();
      try (StreamMemory a = pool.on(first);
          StreamMemory b = pool.on(second)) {
        a.newLease("a").take(MIB).close();
        DeviceLease lease = b.newLease("b");
        for (int i = 0; i < 4; i++) {
          assertThatThrownBy(() -> lease.take(MIB)).isInstanceOf(CudaException.class);
        }
        lease.take(MIB).close();
        assertThat(pool.stats().allocations()).isEqualTo(1);
      }
      close(pool);
      ok(api.cuStreamDestroy_v2(first));
      ok(api.cuStreamDestroy_v2(second));
    }
  }

  @Test
  void aLostDeviceLetsThePoolClose() {
    FaultPlan faults = FaultPlan.none().failCall("cuMemGetInfo_v2", 1, CudaStatus.ILLEGAL_ADDRESS);
    SimulatedCuda cuda = SimulatedCuda.builder().faults(faults).build();
    try (CudaPoolFixture fixture = new CudaPoolFixture(cuda, MemoryBudget.UNLIMITED)) {
      DevicePool pool = fixture.device("lost");
      StreamMemory memory = pool.on(fixture.stream());
      DeviceLease lease = memory.newLease("x").take(1000);
      PinnedPool pinned = fixture.pinned("pinned");
      PinnedLease host = pinned.newLease("y").take(1000);
      assertThat(cuda.cuMemGetInfo_v2(fixture.out(), fixture.out()))
          .isEqualTo(CudaStatus.ILLEGAL_ADDRESS.code());
      assertThatThrownBy(() -> memory.newLease("z").take(5000))
          .isInstanceOf(CudaException.class)
          .satisfies(
              e -> assertThat(((CudaException) e).sort()).isEqualTo(CudaStatus.Sort.DEVICE_LOST));
      lease.close();
      memory.close();
      pool.close();
      host.close();
      pinned.close();
    }
  }

  @Test
  void classesAreTightAndInOrder() {
    Random random = new Random(7);
    for (int i = 0; i < 200_000; i++) {
      long size = 1 + (random.nextLong() >>> (22 + random.nextInt(42)));
      int sizeClass = SizeClasses.of(size);
      long bytes = SizeClasses.bytes(sizeClass);
      assertThat(bytes).isGreaterThanOrEqualTo(size);
      assertThat(bytes % 256).isZero();
      assertThat(bytes - size).isLessThan(Math.max(256, size / 8 + 1));
      if (sizeClass > 0) {
        assertThat(SizeClasses.bytes(sizeClass - 1)).isLessThan(size);
      }
    }
    assertThat(SizeClasses.bytes(SizeClasses.COUNT - 1)).isEqualTo(SizeClasses.MAX_BYTES);
    assertThat(SizeClasses.of(SizeClasses.MAX_BYTES)).isEqualTo(SizeClasses.COUNT - 1);
    assertThat(SizeClasses.of(1)).isZero();
  }
}
