package dev.sluice.bench.memory;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.engine.memory.DeviceLease;
import dev.sluice.engine.memory.DevicePool;
import dev.sluice.engine.memory.MemoryBudget;
import dev.sluice.engine.memory.PinnedLease;
import dev.sluice.engine.memory.PinnedPool;
import dev.sluice.engine.memory.PoolStats;
import dev.sluice.engine.memory.StreamMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Pairs of lease and return from 8 threads on the simulated device: of device memory, with a stream
 * each, or two or one that they share; of pinned memory, from one pool. The pools' accounts are
 * checked at the end: every lease was returned, and the driver was asked for memory only while the
 * pool grew.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Threads(8)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class PoolBenchmark {
  /** A simulated device. */
  public abstract static class Device {
    private final SimulatedCuda cuda = SimulatedCuda.builder().build();
    private final MemoryBudget root = MemoryBudget.root("device", MemoryBudget.UNLIMITED);
    private final MemoryBudget budget = root.child("model", 1L << 30);

    private long retain() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(JAVA_LONG);
        check(cuda.cuInit(0), "cuInit");
        check(cuda.cuDevicePrimaryCtxRetain(out, 0), "cuDevicePrimaryCtxRetain");
        long context = out.get(JAVA_LONG, 0);
        check(cuda.cuCtxSetCurrent(context), "cuCtxSetCurrent");
        return context;
      }
    }

    private void check(int status, String function) {
      CudaStatus.check(cuda, status, function, "");
    }

    private long stream() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(JAVA_LONG);
        check(
            cuda.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, 0),
            "cuStreamCreateWithPriority");
        return out.get(JAVA_LONG, 0);
      }
    }

    private static void checkAccount(PoolStats stats) {
      if (stats.leases() != 0 || stats.allocations() > 8) {
        throw new IllegalStateException("the pool's account is wrong: " + stats);
      }
    }

    private void end() {
      budget.close();
      root.close();
      cuda.close();
    }
  }

  /** One pool of device memory for all threads. */
  @State(Scope.Benchmark)
  public static class Shared extends Device {
    /** How many streams the threads share. */
    @Param({"8", "2", "1"})
    public int streams;

    private final List<StreamMemory> memories = new ArrayList<>();
    private final AtomicInteger threads = new AtomicInteger();
    private DevicePool pool;

    /** Makes the pool. */
    @Setup(Level.Trial)
    public void open() {
      pool = new DevicePool(super.cuda, super.retain(), "benchmark", super.budget);
      for (int i = 0; i < streams; i++) {
        memories.add(pool.on(super.stream()));
      }
    }

    /** Checks the account. */
    @TearDown(Level.Trial)
    public void close() {
      memories.forEach(StreamMemory::close);
      Device.checkAccount(pool.stats());
      pool.close();
      super.end();
    }
  }

  /** One pool of pinned memory for all threads. */
  @State(Scope.Benchmark)
  public static class SharedPinned extends Device {
    private PinnedPool pool;

    /** Makes the pool. */
    @Setup(Level.Trial)
    public void open() {
      pool = new PinnedPool(super.cuda, super.retain(), "benchmark", super.budget);
    }

    /** Checks the account. */
    @TearDown(Level.Trial)
    public void close() {
      Device.checkAccount(pool.stats());
      pool.close();
      super.end();
    }
  }

  /** A thread's lease. */
  @State(Scope.Thread)
  public static class OfThread {
    private DeviceLease lease;

    /** Picks a stream. */
    @Setup(Level.Trial)
    public void open(Shared shared) {
      int turn = shared.threads.getAndIncrement();
      lease = shared.memories.get(turn % shared.streams).newLease("benchmark");
    }
  }

  /** A thread's pinned lease. */
  @State(Scope.Thread)
  public static class PinnedOfThread {
    private PinnedLease lease;

    /** Makes it. */
    @Setup(Level.Trial)
    public void open(SharedPinned shared) {
      lease = shared.pool.newLease("benchmark");
    }
  }

  /** One pair of device memory. */
  @Benchmark
  public long pair(OfThread mine) {
    long address = mine.lease.take(100_000).address();
    mine.lease.close();
    return address;
  }

  /** One pair of pinned memory that no stream used. */
  @Benchmark
  public long pinnedPair(PinnedOfThread mine) {
    long address = mine.lease.take(100_000).address();
    mine.lease.close();
    return address;
  }
}
