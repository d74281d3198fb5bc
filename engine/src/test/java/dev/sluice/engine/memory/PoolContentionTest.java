package dev.sluice.engine.memory;

import static dev.sluice.engine.memory.CudaPoolFixture.MIB;
import static dev.sluice.engine.memory.CudaPoolFixture.ok;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.sim.SimulatedCuda;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Threads that want each other's memory. */
class PoolContentionTest {
  private static final int THREADS = 4;
  private static final int LEASES = 1500 * Integer.getInteger("sluice.effort", 1);

  private final long seed = Long.getLong("sluice.seed", 31);

  /** Each thread has one lease at a time, and the budget has room for as many. */
  @ParameterizedTest
  @CsvSource({"true, false", "true, true", "false, false", "false, true"})
  void nobodyIsRefusedWhereThereIsRoomForAll(boolean onePool, boolean pinnedToo) throws Exception {
    try (CudaPoolFixture fixture = CudaPoolFixture.limitedTo(THREADS * MIB)) {
      List<DevicePool> pools = new ArrayList<>();
      List<PinnedPool> pinned = new ArrayList<>();
      List<StreamMemory> memories = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        if (i == 0 || !onePool) {
          MemoryBudget budget = fixture.child("budget " + i, MemoryBudget.UNLIMITED);
          pools.add(fixture.device(budget));
          pinned.add(fixture.pinned(budget));
        } else {
          pools.add(pools.getFirst());
          pinned.add(pinned.getFirst());
        }
        memories.add(pools.get(i).on(fixture.stream()));
      }
      try (ExecutorService workers = Executors.newFixedThreadPool(THREADS)) {
        List<Future<?>> done = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
          StreamMemory memory = memories.get(i);
          PinnedPool host = pinnedToo ? pinned.get(i) : null;
          long own = 31 * seed + i;
          done.add(workers.submit(() -> lease(fixture, memory, host, own)));
        }
        for (Future<?> future : done) {
          future.get();
        }
      }
      memories.forEach(StreamMemory::close);
      new LinkedHashSet<>(pools).forEach(DevicePool::close);
      new LinkedHashSet<>(pinned).forEach(PinnedPool::close);
      assertThat(fixture.root().level().highWaterBytes()).isLessThanOrEqualTo(THREADS * MIB);
    }
  }

  private void lease(CudaPoolFixture fixture, StreamMemory memory, PinnedPool pinned, long own) {
    fixture.enter();
    SimulatedCuda cuda = fixture.cuda();
    Random random = new Random(own);
    DeviceLease device = memory.newLease("device " + own);
    for (int i = 0; i < LEASES; i++) {
      long sizeBytes = MIB >> random.nextInt(8);
      if (pinned != null && random.nextBoolean()) {
        try (PinnedLease host = pinned.newLease("seed " + seed).take(sizeBytes)) {
          host.closeAfter(memory.stream());
        }
      } else {
        device.take(sizeBytes);
        ok(cuda.cuMemsetD8Async(device.address(), (byte) i, 64, memory.stream()));
        device.close();
      }
    }
  }

  /**
   * One thread moves its only lease behind a trim that goes from pool to pool, time and again: a
   * block that is given back where the trim was already, for one where it comes to next.
   */
  @Test
  void aTrimCatchesWhoMovesBehindIt() throws Exception {
    try (CudaPoolFixture fixture = CudaPoolFixture.limitedTo(2 * MIB);
        DevicePool first = fixture.device("first");
        DevicePool second = fixture.device("second");
        DevicePool third = fixture.device("third");
        StreamMemory a = first.on(fixture.stream());
        StreamMemory b = second.on(fixture.stream());
        StreamMemory c = third.on(fixture.stream());
        ExecutorService mover = Executors.newSingleThreadExecutor()) {
      DeviceLease ahead = b.newLease("ahead").take(MIB);
      DeviceLease behind = a.newLease("behind").take(MIB);
      ahead.close();
      Thread worker = mover.submit(Thread::currentThread).get();
      Thread taker = Thread.currentThread();
      List<Future<?>> moves = new ArrayList<>();
      // The second call is the first pool's trim, the third the second's, and so on in each pass.
      countCalls(
          fixture,
          taker,
          call -> {
            if (call == 3 || call == 5 || call == 6) {
              DeviceLease from = call == 5 ? ahead : behind;
              DeviceLease to = call == 5 ? behind : ahead;
              moves.add(
                  mover.submit(() -> {
                    fixture.enter();
                    from.close();
                    to.take(MIB);
                  }));
              while (!moves.getLast().isDone() && worker.getState() != Thread.State.BLOCKED) {
                Thread.onSpinWait();
              }
            }
          });
      DeviceLease taken = c.newLease("taken").take(MIB);
      for (Future<?> move : moves) {
        move.get();
      }
      assertThat(moves).hasSizeGreaterThanOrEqualTo(2);
      taken.close();
      ahead.close();
      behind.close();
    }
  }

  /** Counts a thread's entries into pools, from 1. */
  private static void countCalls(CudaPoolFixture fixture, Thread thread, IntConsumer counted) {
    AtomicInteger calls = new AtomicInteger();
    Runnable[] hook = new Runnable[1];
    hook[0] =
        () -> {
          if (Thread.currentThread() == thread) {
            fixture.before("cuCtxGetCurrent", hook[0]);
            counted.accept(calls.incrementAndGet());
          }
        };
    fixture.before("cuCtxGetCurrent", hook[0]);
  }

  @Test
  void aTrimThatWaitsHoldsNoLeaseUp() {
    SimulatedCuda cuda = SimulatedCuda.builder().stepped(seed).build();
    try (CudaPoolFixture fixture = new CudaPoolFixture(cuda, MemoryBudget.UNLIMITED);
        DevicePool pool = fixture.device("pool");
        StreamMemory memory = pool.on(fixture.stream())) {
      DeviceLease kept = memory.newLease("kept").take(1000);
      DeviceLease busy = memory.newLease("busy").take(MIB);
      ok(cuda.cuMemsetD8Async(busy.address(), (byte) 1, MIB, memory.stream()));
      busy.close();
      fixture.before(
          "cuEventSynchronize",
          () ->
              fixture.elsewhere(() -> {
                kept.close();
                kept.take(1000);
              }));
      assertThat(pool.trim(MIB)).isEqualTo(MIB);
      kept.close();
    }
  }

  /** A GPU has not passed an event that was recorded a moment ago, though the stream is idle. */
  @Test
  void anIdleStreamLendsAtOnceWhereEventsPassLate() {
    try (CudaPoolFixture fixture = CudaPoolFixture.open()) {
      CudaApi late =
          (CudaApi)
              Proxy.newProxyInstance(
                  CudaApi.class.getClassLoader(),
                  new Class<?>[] {CudaApi.class},
                  (_, method, arguments) -> {
                    try {
                      return method.getName().equals("cuEventQuery")
                          ? CudaApi.CUDA_ERROR_NOT_READY
                          : method.invoke(fixture.cuda(), arguments);
                    } catch (InvocationTargetException e) {
                      throw e.getCause();
                    }
                  });
      try (DevicePool pool = new DevicePool(late, fixture.context(), "pool", fixture.root())) {
        List<StreamMemory> memories = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          memories.add(pool.on(fixture.stream()));
          memories.getLast().newLease("lease").take(MIB).close();
        }
        assertThat(pool.stats().allocations()).isEqualTo(1);
        assertThat(pool.stats().hits()).isEqualTo(3);
        memories.forEach(StreamMemory::close);
      }
    }
  }

  @Test
  void aLeaseOfThisStreamNeverAsksWhetherItCaptures() {
    SimulatedCuda cuda = SimulatedCuda.builder().logged().build();
    try (CudaPoolFixture fixture = new CudaPoolFixture(cuda, MemoryBudget.UNLIMITED);
        DevicePool pool = fixture.device("pool");
        StreamMemory memory = pool.on(fixture.stream())) {
      DeviceLease lease = memory.newLease("lease").take(1000);
      lease.close();
      memory.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_GLOBAL);
      cuda.clearCalls();
      lease.take(1000).close();
      assertThat(cuda.calls()).isEmpty();
      memory.endCapture(fixture.out());
      ok(cuda.cuGraphDestroy(fixture.out().get(JAVA_LONG, 0)));
    }
  }
}
