package dev.sluice.bench.memory;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.sim.SimulatedCuda;
import dev.sluice.engine.memory.DeviceLease;
import dev.sluice.engine.memory.DevicePool;
import dev.sluice.engine.memory.MemoryBudget;
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
 * Pairs of lease and return from 8 threads, which have a stream each, or share two or one, on the
 * simulated device. The pool's account is checked at the end: every lease was returned, and the
 * driver was called only while the pool grew.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Threads(8)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class PoolBenchmark {
  /** One pool for all threads. */
  @State(Scope.Benchmark)
  public static class Shared {
    private final SimulatedCuda cuda = SimulatedCuda.builder().build();
    private final MemoryBudget root = MemoryBudget.root("device", MemoryBudget.UNLIMITED);
    private final MemoryBudget budget = root.child("model", 1L << 30);

    /** How many streams the threads share. */
    @Param({"8", "2", "1"})
    public int streams;

    private final List<StreamMemory> memories = new ArrayList<>();
    private final AtomicInteger threads = new AtomicInteger();
    private long context;
    private DevicePool pool;

    /** Makes the pool. */
    @Setup(Level.Trial)
    public void open() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(JAVA_LONG);
        check(cuda.cuInit(0), "cuInit");
        check(cuda.cuDevicePrimaryCtxRetain(out, 0), "cuDevicePrimaryCtxRetain");
        context = out.get(JAVA_LONG, 0);
      }
      pool = new DevicePool(cuda, context, "benchmark", budget);
      for (int i = 0; i < streams; i++) {
        memories.add(pool.on(stream()));
      }
    }

    private void check(int status, String function) {
      CudaStatus.check(cuda, status, function, "");
    }

    private long stream() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(JAVA_LONG);
        check(cuda.cuCtxSetCurrent(context), "cuCtxSetCurrent");
        check(
            cuda.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, 0),
            "cuStreamCreateWithPriority");
        return out.get(JAVA_LONG, 0);
      }
    }

    /** Checks the account. */
    @TearDown(Level.Trial)
    public void close() {
      long allocations = pool.stats().allocations();
      if (pool.stats().leases() != 0 || allocations > 8) {
        throw new IllegalStateException("the pool's account is wrong: " + pool.stats());
      }
      memories.forEach(StreamMemory::close);
      pool.close();
      budget.close();
      root.close();
      cuda.close();
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

  /** One pair. */
  @Benchmark
  public long pair(OfThread mine) {
    long address = mine.lease.take(100_000).address();
    mine.lease.close();
    return address;
  }
}
