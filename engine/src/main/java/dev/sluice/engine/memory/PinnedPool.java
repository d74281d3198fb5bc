package dev.sluice.engine.memory;

import dev.sluice.bindings.ScopedSegments;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.Predicate;

/**
 * Pinned memory of the host, for copies that run beside other work. Since the host writes to it, a
 * block is leased again only when the device is done with it: {@link PinnedLease#close} says that
 * it is, {@link PinnedLease#closeAfter} that it will be where a stream has come to.
 *
 * <p>A lease takes a block that is done with; else a new one, where the budget has room; else it
 * waits for the block that was given back first; else a new one, after others' idle memory was
 * given back as for a {@link DevicePool}. So where the host runs ahead of the device, the pool
 * grows as far as its budget lets it before anybody waits: give it one.
 *
 * <p>Thread safety: any thread. The first takes the pool's lock alone, all that grows, trims or
 * closes that of the budget's tree before it.
 */
public final class PinnedPool implements AutoCloseable {
  private static final boolean CHECKED = Boolean.getBoolean("sluice.checked");

  private final BlockSource source;
  private final Predicate<Block> done = this::isDone;
  private final BlockStacks free = new BlockStacks();
  private final LeaseList live = new LeaseList();
  private boolean closed;
  private long hits;
  private long waits;

  /**
   * A pool that holds nothing yet.
   *
   * @param context a {@code CUcontext}; it stays alive as long as this
   * @param name for messages
   * @param budget what it may hold
   */
  public PinnedPool(CudaApi api, long context, String name, MemoryBudget budget) {
    this.source = new BlockSource(api, context, name, budget, true, this::giveBack);
  }

  /**
   * A lease that holds nothing yet; made once and taken again and again.
   *
   * @param label what it is for, in messages
   */
  public PinnedLease newLease(String label) {
    return new PinnedLease(this, label);
  }

  /** See {@link PinnedLease#take}. */
  void take(PinnedLease lease, long sizeBytes) {
    int sizeClass = lease.sizeClass(sizeBytes);
    MemoryBudget.Tree tree = source.tree;
    if (!tree.trimming && takeFree(lease, sizeClass, sizeBytes, block -> !block.pending)) {
      return;
    }
    long before = source.enter();
    int mode = source.relax();
    try {
      if (!tree.trimming && takeFree(lease, sizeClass, sizeBytes, done)) {
        return;
      }
      synchronized (tree) {
        takeOrGrow(lease, sizeClass, sizeBytes);
      }
      // Held already, so that the pool is not closed meanwhile; without the lock.
      source.await(lease.block);
    } catch (CudaException e) {
      release(lease);
      throw e;
    } finally {
      source.leave(before, mode);
    }
  }

  /** Takes what may be pending still; the tree's lock is held. */
  private void takeOrGrow(PinnedLease lease, int sizeClass, long sizeBytes) {
    if (takeFree(lease, sizeClass, sizeBytes, done)) {
      return;
    }
    Block block = source.tryGrow(sizeClass, lease.label);
    if (block == null) {
      if (takeFree(lease, sizeClass, sizeBytes, _ -> true)) {
        return;
      }
      block = source.growAfterTrim(sizeClass, lease.label);
    }
    holdNew(lease, block, sizeBytes);
  }

  private synchronized boolean takeFree(
      PinnedLease lease, int sizeClass, long sizeBytes, Predicate<Block> which) {
    requireFree(lease);
    Block block = free.popDone(sizeClass, which);
    if (block == null) {
      return false;
    }
    hits += block.pending ? 0 : 1;
    waits += block.pending ? 1 : 0;
    hold(lease, block, sizeBytes);
    return true;
  }

  private synchronized void holdNew(PinnedLease lease, Block block, long sizeBytes) {
    try {
      requireFree(lease);
    } catch (IllegalStateException e) {
      free.push(block);
      throw e;
    }
    hold(lease, block, sizeBytes);
  }

  private void requireFree(PinnedLease lease) {
    if (closed) {
      throw new IllegalStateException(lease + ": the pool is closed");
    }
    lease.requireFree();
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by letGo
  private void hold(PinnedLease lease, Block block, long sizeBytes) {
    lease.segment = block.segment;
    if (CHECKED) {
      lease.scope = Arena.ofShared();
      lease.segment = ScopedSegments.within(block.segment, lease.scope);
    }
    lease.hold(block, sizeBytes);
    live.add(lease);
  }

  /**
   * Whether the device is done with a block; the context is current. One that the driver cannot
   * tell of is passed over, unless the device is lost.
   */
  private boolean isDone(Block block) {
    if (block.pending) {
      int status = source.api.cuEventQuery(block.event.raw());
      if (status != CudaApi.CUDA_SUCCESS
          && status != CudaApi.CUDA_ERROR_NOT_READY
          && CudaStatus.sortOf(status) == CudaStatus.Sort.DEVICE_LOST) {
        throw CudaStatus.exception(source.api, status, "cuEventQuery", toString());
      }
      block.pending = status != CudaApi.CUDA_SUCCESS;
    }
    return !block.pending;
  }

  /** See {@link PinnedLease#close}. */
  synchronized void release(PinnedLease lease) {
    if (lease.block != null) {
      letGo(lease);
    }
  }

  /** See {@link PinnedLease#closeAfter}. */
  void releaseAfter(PinnedLease lease, long stream) {
    BlockSource.requireOneStream(stream);
    if (lease.block == null) {
      return;
    }
    long before = source.enter();
    int mode = source.relax();
    try {
      synchronized (this) {
        Block block = lease.block;
        if (block != null) {
          markUse(lease, block, stream);
          letGo(lease);
        }
      }
    } finally {
      source.leave(before, mode);
    }
  }

  /** Marks how far a stream uses a block. */
  private void markUse(PinnedLease lease, Block block, long stream) {
    if (source.isCapturing(stream)) {
      throw new IllegalStateException(
          lease
              + ": the stream 0x"
              + Long.toHexString(stream)
              + " is capturing; keep what a graph uses as long as it is launched");
    }
    if (block.event == null) {
      block.event = source.newEvent();
    }
    int status = source.api.cuEventRecord(block.event.raw(), stream);
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(source.api, status, "cuEventRecord", lease.toString());
    }
    block.pending = true;
  }

  private void letGo(PinnedLease lease) {
    if (lease.scope != null) {
      // Throws where a call uses the segment; then nothing has changed yet.
      lease.scope.close();
      lease.scope = null;
    }
    Block block = lease.block;
    lease.letGo();
    lease.segment = null;
    live.remove(lease);
    free.push(block);
  }

  /**
   * Gives blocks back that nobody leases, until they have so many bytes. Waits for the streams that
   * use them.
   *
   * @return the bytes that were given back
   */
  public long trim(long wantedBytes) {
    return source.trim(wantedBytes);
  }

  private long giveBack(long wantedBytes) {
    List<Block> out;
    synchronized (this) {
      out = free.takeOut(wantedBytes);
    }
    return source.giveBack(out, this::putBack);
  }

  private synchronized void putBack(Block block) {
    free.push(block);
  }

  /** What the pool did and holds. */
  public synchronized PoolStats stats() {
    return new PoolStats(
        source.heldBytes.sum(),
        live.size(),
        hits,
        waits,
        source.allocations.sum(),
        source.frees.sum());
  }

  /**
   * Gives all memory back, after waiting for the streams that use it. Closing twice does nothing.
   *
   * @throws IllegalStateException where leases are live; they are named, and nothing is closed
   * @throws CudaException where the driver refuses; what it did not take back stays in the pool
   */
  @Override
  public void close() {
    synchronized (source.tree) {
      synchronized (this) {
        if (closed) {
          return;
        }
        live.requireNone(this);
        closed = true;
      }
      boolean given = false;
      try {
        source.close();
        given = true;
      } finally {
        if (!given) {
          reopen();
        }
      }
    }
  }

  private synchronized void reopen() {
    closed = false;
  }

  @Override
  public String toString() {
    return source.toString();
  }
}
