package dev.sluice.engine.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The pools, on a simulated device or a real one. */
abstract class DevicePoolContract {
  protected static final long MIB = 1 << 20;

  protected final long seed = Long.getLong("sluice.seed", 31);
  protected CudaApi api;
  protected Arena arena;
  protected MemorySegment out;
  protected long context;
  protected MemoryBudget root;

  protected abstract CudaApi api();

  /** Called after each test, when all was given back. */
  protected void nothingIsLeft() {}

  protected static void ok(int status) {
    assertThat(CudaStatus.of(status).orElseThrow()).isEqualTo(CudaStatus.SUCCESS);
  }

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // closed by release
  void retain() {
    api = api();
    arena = Arena.ofShared();
    out = arena.allocate(64, 8);
    ok(api.cuInit(0));
    ok(api.cuDevicePrimaryCtxRetain(out, 0));
    context = out.get(JAVA_LONG, 0);
    ok(api.cuCtxSetCurrent(context));
    root = MemoryBudget.root("device", MemoryBudget.UNLIMITED);
  }

  @AfterEach
  void release() {
    assertThat(root.level().usedBytes()).isZero();
    root.close();
    ok(api.cuCtxSetCurrent(0));
    ok(api.cuDevicePrimaryCtxRelease_v2(0));
    arena.close();
    nothingIsLeft();
  }

  protected DevicePool pool(long limitBytes) {
    return new DevicePool(api, context, "test", root.child("test", limitBytes));
  }

  protected void close(DevicePool pool) {
    MemoryBudget budget = pool.source().budget;
    pool.close();
    budget.close();
  }

  protected long stream() {
    ok(api.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, 0));
    return out.get(JAVA_LONG, 0);
  }

  protected byte[] read(long address, int bytes) {
    MemorySegment host = arena.allocate(bytes);
    ok(api.cuMemcpyDtoH_v2(host, address, bytes));
    return host.toArray(JAVA_BYTE);
  }

  @Test
  void aStreamTakesItsOwnBlockAtOnce() {
    DevicePool pool = pool(MemoryBudget.UNLIMITED);
    long stream = stream();
    try (StreamMemory memory = pool.on(stream)) {
      DeviceLease lease = memory.newLease("a").take(1000);
      long address = lease.address();
      assertThat(address % 256).isZero();
      assertThat(lease.sizeBytes()).isEqualTo(1000);
      assertThatThrownBy(() -> lease.take(1)).hasMessageContaining("taken already");
      lease.close();
      lease.close();
      assertThatThrownBy(lease::address)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("'a'");
      DeviceLease second = memory.newLease("b").take(900);
      assertThat(second.address()).isEqualTo(address);
      assertThat(pool.stats().allocations()).isEqualTo(1);
      assertThatThrownBy(memory::close)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("b, 900 bytes");
      assertThatThrownBy(pool::close)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("b, 900 bytes");
      assertThatThrownBy(() -> memory.newLease("c").take(-1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> memory.newLease("c").take(Long.MAX_VALUE))
          .isInstanceOf(IllegalArgumentException.class);
      second.close();
    }
    assertThat(pool.stats().heldBytes()).isEqualTo(1024);
    close(pool);
    close(pool);
    ok(api.cuStreamDestroy_v2(stream));
  }

  @Test
  void anotherStreamWaitsOnTheDeviceWhereNothingElseIsLeft() {
    long size = 8 * MIB;
    DevicePool pool = pool(size);
    long first = stream();
    long second = stream();
    try (StreamMemory a = pool.on(first);
        StreamMemory b = pool.on(second)) {
      for (int round = 0; round < 20; round++) {
        DeviceLease one = a.newLease("one").take(size);
        ok(api.cuMemsetD8Async(one.address(), (byte) 1, size, first));
        long address = one.address();
        one.close();
        DeviceLease two = b.newLease("two").take(size);
        assertThat(two.address()).isEqualTo(address);
        ok(api.cuMemsetD8Async(address, (byte) 2, size, second));
        ok(api.cuStreamSynchronize(second));
        assertThat(read(address + size - 8, 8)).containsOnly(2);
        two.close();
      }
      assertThat(pool.stats().allocations()).isEqualTo(1);
    }
    close(pool);
    ok(api.cuStreamDestroy_v2(first));
    ok(api.cuStreamDestroy_v2(second));
  }

  @Test
  void whatNobodyLeasesIsGivenBackForAnother() {
    DevicePool first = pool(MemoryBudget.UNLIMITED);
    MemoryBudget narrow = root.child("narrow", 64 * MIB);
    MemoryBudget left = narrow.child("left", MemoryBudget.UNLIMITED);
    MemoryBudget right = narrow.child("right", 48 * MIB);
    DevicePool one = new DevicePool(api, context, "one", left);
    DevicePool two = new DevicePool(api, context, "two", right);
    long stream = stream();
    StreamMemory a = one.on(stream);
    StreamMemory b = two.on(stream);
    DeviceLease lease = a.newLease("large").take(60 * MIB);
    assertThatThrownBy(() -> b.newLease("other").take(16 * MIB))
        .isInstanceOf(MemoryExhaustedException.class)
        .hasMessageContaining("other, 16777216 bytes")
        .hasMessageContaining("device/narrow refuses")
        .hasMessageContaining("device/narrow/right: limit 50331648, used 0, requested 16777216")
        .hasMessageContaining("device/narrow: limit 67108864, used 62914560")
        .hasMessageContaining("device: limit none, used 62914560");
    lease.close();
    DeviceLease other = b.newLease("other").take(16 * MIB);
    assertThat(one.stats().frees()).isEqualTo(1);
    assertThat(narrow.level().highWaterBytes()).isEqualTo(60 * MIB);
    assertThat(narrow.level().usedBytes()).isEqualTo(16 * MIB);
    assertThatThrownBy(() -> b.newLease("more").take(48 * MIB))
        .isInstanceOf(MemoryExhaustedException.class)
        .hasMessageContaining("device/narrow/right refuses");
    assertThatThrownBy(narrow::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("left")
        .hasMessageContaining("right");
    other.close();
    a.close();
    b.close();
    one.close();
    two.close();
    close(first);
    left.close();
    right.close();
    narrow.close();
    ok(api.cuStreamDestroy_v2(stream));
  }

  @Test
  void aCaptureKeepsTheStreamToItself() {
    DevicePool pool = pool(MemoryBudget.UNLIMITED);
    long first = stream();
    long second = stream();
    try (StreamMemory a = pool.on(first);
        StreamMemory b = pool.on(second)) {
      DeviceLease kept = a.newLease("kept").take(4096);
      DeviceLease spare = a.newLease("spare").take(4096);
      spare.close();
      a.beginCapture(CudaConstants.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
      ok(api.cuMemsetD8Async(kept.address(), (byte) 7, 4096, first));
      DeviceLease elsewhere = b.newLease("elsewhere");
      // Another stream gets a new block, and so does this one when it has none left: the one that
      // is
      // capturing is left alone, and the driver asked as no capture prohibits.
      elsewhere.take(4096);
      pool.trim(Long.MAX_VALUE);
      assertThat(spare.take(4000).address()).isNotEqualTo(elsewhere.address());
      elsewhere.close();
      DeviceLease grown = a.newLease("grown").take(4096);
      grown.close();
      elsewhere.take(4096);
      a.endCapture(out);
      long graph = out.get(JAVA_LONG, 0);
      ok(api.cuGraphInstantiateWithFlags(out, graph, 0));
      long exec = out.get(JAVA_LONG, 0);
      ok(api.cuGraphLaunch(exec, first));
      ok(api.cuStreamSynchronize(first));
      assertThat(read(kept.address(), 4096)).containsOnly(7);
      ok(api.cuGraphExecDestroy(exec));
      ok(api.cuGraphDestroy(graph));
      kept.close();
      spare.close();
      elsewhere.close();
    }
    close(pool);
    ok(api.cuStreamDestroy_v2(first));
    ok(api.cuStreamDestroy_v2(second));
  }

  @Test
  void leavesTheCallersContextAlone() {
    DevicePool pool = pool(MemoryBudget.UNLIMITED);
    long stream = stream();
    ok(api.cuCtxCreate_v4(out, 0, 0, 0));
    long own = out.get(JAVA_LONG, 0);
    StreamMemory memory = pool.on(stream);
    DeviceLease lease = memory.newLease("x").take(100);
    ok(api.cuCtxGetCurrent(out));
    assertThat(out.get(JAVA_LONG, 0)).isEqualTo(own);
    // Null takes the thread's latest context away, which may uncover one below it.
    do {
      ok(api.cuCtxSetCurrent(0));
      ok(api.cuCtxGetCurrent(out));
    } while (out.get(JAVA_LONG, 0) != 0);
    lease.close();
    memory.close();
    close(pool);
    ok(api.cuCtxGetCurrent(out));
    assertThat(out.get(JAVA_LONG, 0)).isZero();
    ok(api.cuCtxDestroy_v2(own));
    ok(api.cuCtxSetCurrent(context));
    ok(api.cuStreamDestroy_v2(stream));
  }

  /**
   * Threads with a stream each write into what they lease, and check at the end of the stream's
   * work that nobody else wrote there: a lease that another stream still used would show.
   */
  @Test
  void manyStreamsNeverShareABlock() throws Exception {
    DevicePool pool = pool(64 * MIB);
    int threads = 8;
    try (ExecutorService workers = Executors.newFixedThreadPool(threads)) {
      List<Future<?>> done = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int turn = t;
        done.add(workers.submit(() -> worker(pool, turn)));
      }
      // What nobody leases is taken away under them all the time.
      while (done.stream().anyMatch(future -> !future.isDone())) {
        pool.trim(4 * MIB);
      }
      for (Future<?> future : done) {
        future.get();
      }
    }
    assertThat(pool.stats().frees()).isPositive();
    assertThat(pool.stats().leases()).isZero();
    close(pool);
  }

  private void worker(DevicePool pool, int turn) {
    ok(api.cuCtxSetCurrent(context));
    Random random = new Random(seed + turn);
    try (Arena own = Arena.ofConfined()) {
      MemorySegment result = own.allocate(8);
      ok(api.cuStreamCreateWithPriority(result, CudaConstants.CU_STREAM_NON_BLOCKING, 0));
      long stream = result.get(JAVA_LONG, 0);
      try (StreamMemory memory = pool.on(stream)) {
        DeviceLease source = memory.newLease("source " + turn);
        DeviceLease target = memory.newLease("target " + turn);
        for (int i = 0; i < 150; i++) {
          int words = 64 << random.nextInt(12);
          source.take(4L * words);
          target.take(4L * words);
          int value = 1000 * turn + i;
          ok(api.cuMemsetD32Async(source.address(), value, words, stream));
          ok(api.cuMemcpyDtoDAsync_v2(target.address(), source.address(), 4L * words, stream));
          MemorySegment host = own.allocate(4L * words, 4);
          ok(api.cuMemcpyDtoHAsync_v2(host.address(), target.address(), 4L * words, stream));
          source.close();
          target.close();
          ok(api.cuStreamSynchronize(stream));
          for (int w = 0; w < words; w++) {
            assertThat(host.getAtIndex(JAVA_INT, w)).as("seed %d", seed).isEqualTo(value);
          }
        }
      }
      ok(api.cuStreamDestroy_v2(stream));
    }
  }

  @Test
  void pinnedMemoryIsLeasedAgainWhenTheDeviceIsDone() {
    MemoryBudget budget = root.child("pinned", 2 * MIB);
    PinnedPool pool = new PinnedPool(api, context, "pinned", budget);
    long stream = stream();
    ok(api.cuMemAlloc_v2(out, MIB));
    long device = out.get(JAVA_LONG, 0);
    PinnedLease lease = pool.newLease("staging");
    for (int i = 0; i < 20; i++) {
      lease.take(MIB);
      assertThat(lease.address() % 256).isZero();
      lease.segment().fill((byte) i);
      ok(api.cuMemcpyHtoDAsync_v2(device, lease.address(), MIB, stream));
      MemorySegment used = lease.segment();
      lease.closeAfter(stream);
      lease.closeAfter(stream);
      if (Boolean.getBoolean("sluice.checked")) {
        assertThatThrownBy(() -> used.get(JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
      }
      assertThatThrownBy(lease::segment).isInstanceOf(IllegalStateException.class);
      ok(api.cuStreamSynchronize(stream));
      assertThat(read(device, 16)).containsOnly(i);
    }
    assertThat(pool.stats().heldBytes()).isLessThanOrEqualTo(2 * MIB);
    lease.take(10);
    assertThatThrownBy(pool::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("staging");
    assertThatThrownBy(() -> pool.newLease("huge").take(3 * MIB))
        .isInstanceOf(MemoryExhaustedException.class)
        .hasMessageContaining("device/pinned refuses");
    lease.close();
    pool.close();
    pool.close();
    budget.close();
    ok(api.cuMemFree_v2(device));
    ok(api.cuStreamDestroy_v2(stream));
  }
}
