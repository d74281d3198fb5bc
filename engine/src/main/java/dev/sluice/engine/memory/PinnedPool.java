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
 * waits for the block that was given back first; else what nobody leases is given back under the
 * budget that refused.
 *
 * <p>Thread safety: any thread.
 */
public final class PinnedPool implements AutoCloseable, MemoryBudget.Trimmable {
  private static final boolean CHECKED = Boolean.getBoolean("sluice.checked");

  private final BlockSource source;
  private final BlockStacks free = new BlockStacks();
  private final Predicate<Block> done = this::isDone;
  private PinnedLease newest;
  private boolean closed;
  private long leases;
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
    this.source = new BlockSource(api, context, name, budget, true);
    budget.add(this);
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
    if (sizeBytes < 0 || sizeBytes > SizeClasses.MAX_BYTES) {
      throw new IllegalArgumentException(
          lease + ": " + sizeBytes + " bytes; lease 0 to " + SizeClasses.MAX_BYTES);
    }
    int sizeClass = SizeClasses.of(Math.max(1, sizeBytes));
    synchronized (this) {
      requireFree(lease);
      Block block = free.popDone(sizeClass, candidate -> !candidate.pending);
      if (block != null) {
        hits++;
        hold(lease, block, sizeBytes);
        return;
      }
    }
    Block block = find(sizeClass, lease.label());
    synchronized (this) {
      try {
        requireFree(lease);
      } catch (IllegalStateException e) {
        free.push(block);
        throw e;
      }
      hold(lease, block, sizeBytes);
    }
  }

  private void requireFree(PinnedLease lease) {
    if (closed) {
      throw new IllegalStateException(lease + ": the pool is closed");
    }
    if (lease.block != null) {
      throw new IllegalStateException(lease + " is taken already: close it first");
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by unlink
  private void hold(PinnedLease lease, Block block, long sizeBytes) {
    lease.sizeBytes = sizeBytes;
    lease.segment = block.segment;
    if (CHECKED) {
      lease.scope = Arena.ofShared();
      lease.segment = ScopedSegments.within(block.segment, lease.scope);
    }
    lease.older = newest;
    lease.newer = null;
    if (newest != null) {
      newest.newer = lease;
    }
    newest = lease;
    leases++;
    lease.block = block;
  }

  private Block find(int sizeClass, String label) {
    long before = source.enter();
    try {
      Block block = pop(sizeClass, done, true);
      if (block == null) {
        block = source.tryGrow(sizeClass, label);
      }
      if (block == null) {
        block = pop(sizeClass, _ -> true, false);
        if (block != null) {
          await(block);
        }
      }
      if (block == null) {
        long trimmed = source.trimBudget(sizeClass);
        block = source.tryGrow(sizeClass, label);
        if (block == null) {
          throw source.exhausted(sizeClass, label, trimmed);
        }
      }
      return block;
    } finally {
      source.leave(before);
    }
  }

  private synchronized Block pop(int sizeClass, Predicate<Block> which, boolean hit) {
    Block block = free.popDone(sizeClass, which);
    if (block != null) {
      hits += hit ? 1 : 0;
      waits += hit ? 0 : 1;
    }
    return block;
  }

  /** Whether the device is done with a block; the context is current. */
  private boolean isDone(Block block) {
    if (block.pending) {
      int status = source.api.cuEventQuery(block.event.raw());
      if (status == CudaApi.CUDA_ERROR_NOT_READY) {
        return false;
      }
      source.check(status, "cuEventQuery", toString());
      block.pending = false;
    }
    return true;
  }

  private void await(Block block) {
    if (block.pending) {
      try {
        source.check(
            source.api.cuEventSynchronize(block.event.raw()), "cuEventSynchronize", toString());
      } catch (CudaException e) {
        synchronized (this) {
          free.push(block);
        }
        throw e;
      }
      block.pending = false;
    }
  }

  /** See {@link PinnedLease#close} and {@link PinnedLease#closeAfter}. */
  void release(PinnedLease lease, long stream, boolean after) {
    long before = after ? source.enter() : 0;
    try {
      synchronized (this) {
        Block block = lease.block;
        if (block == null) {
          return;
        }
        if (after) {
          if (block.event == null) {
            block.event = source.newEvent();
          }
          int status = source.api.cuEventRecord(block.event.raw(), stream);
          CudaStatus.check(source.api, status, "cuEventRecord", lease.toString());
          block.pending = true;
        }
        unlink(lease);
        free.push(block);
      }
    } finally {
      if (after) {
        source.leave(before);
      }
    }
  }

  private void unlink(PinnedLease lease) {
    lease.block = null;
    lease.segment = null;
    if (lease.scope != null) {
      lease.scope.close();
      lease.scope = null;
    }
    if (lease.newer == null) {
      newest = lease.older;
    } else {
      lease.newer.older = lease.older;
    }
    if (lease.older != null) {
      lease.older.newer = lease.newer;
    }
    lease.older = null;
    lease.newer = null;
    leases--;
  }

  /**
   * Gives blocks back that nobody leases, until they have so many bytes. Waits for the streams that
   * use them.
   */
  @Override
  public long trim(long wantedBytes) {
    long before = source.enter();
    try {
      List<Block> out;
      synchronized (this) {
        out = free.takeOut(wantedBytes);
      }
      long bytes = 0;
      for (int i = 0; i < out.size(); i++) {
        Block block = out.get(i);
        try {
          await(block);
        } catch (CudaException e) {
          synchronized (this) {
            out.subList(i + 1, out.size()).forEach(free::push);
          }
          throw e;
        }
        source.free(block);
        bytes += block.bytes();
      }
      return bytes;
    } finally {
      source.leave(before);
    }
  }

  /** What the pool did and holds. */
  public synchronized PoolStats stats() {
    return new PoolStats(
        source.heldBytes.sum(), leases, hits, waits, source.allocations.sum(), source.frees.sum());
  }

  /**
   * Gives all memory back. Closing twice does nothing.
   *
   * @throws IllegalStateException where leases are live; they are named, and nothing is closed
   */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      if (newest != null) {
        StringBuilder live = new StringBuilder();
        for (PinnedLease lease = newest; lease != null; lease = lease.older) {
          live.append(' ').append(lease.label());
        }
        throw new IllegalStateException(this + " has live leases:" + live + "; close them first");
      }
      closed = true;
    }
    try {
      trim(Long.MAX_VALUE);
    } catch (CudaException e) {
      source.lost(e);
      synchronized (this) {
        free.takeOut(Long.MAX_VALUE).forEach(source::free);
      }
    }
    source.budget.remove(this);
    source.close();
  }

  @Override
  public String toString() {
    return "pool " + source.name;
  }
}
