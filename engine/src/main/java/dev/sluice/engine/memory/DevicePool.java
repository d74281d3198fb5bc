package dev.sluice.engine.memory;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Device memory of one context, leased in the order of streams.
 *
 * <p>Glossary. A <em>block</em> is one allocation of the driver's, of a size class. A <em>stream's
 * memory</em> ({@link StreamMemory}) holds the blocks that were released in that stream and not
 * taken since. An <em>orphan</em> is a block of a stream's memory that was closed.
 *
 * <p>A lease takes, in this order:
 *
 * <ol>
 *   <li>a block of its own stream's memory: what was enqueued before its release comes before what
 *       is enqueued now, so neither the driver nor the host has to do anything;
 *   <li>an orphan, whose stream is done with it;
 *   <li>a block of another stream that is done with everything so far;
 *   <li>a new block, where budget and device have room;
 *   <li>a block of another stream: this one waits for it, on the device;
 *   <li>a new block after all that nobody leases was given back, under the budget that refused;
 * </ol>
 *
 * and else fails with a {@link MemoryExhaustedException}. Blocks come from {@code cuMemAlloc}, not
 * from the driver's stream-ordered pools: those would do steps 1 and 5 with a call each, take them
 * away from a capture, and are missing where a device does not support them; calls of the driver
 * are made only while the pool grows.
 *
 * <p>Thread safety: any thread.
 */
public final class DevicePool implements AutoCloseable, MemoryBudget.Trimmable {
  private final BlockSource source;
  private final List<StreamMemory> streams = new CopyOnWriteArrayList<>();
  private final BlockStacks orphans = new BlockStacks();
  private boolean closed;

  /**
   * A pool that holds nothing yet.
   *
   * @param context the {@code CUcontext} that the memory belongs to; it stays alive as long as this
   * @param name for messages
   * @param budget what it may hold
   */
  public DevicePool(CudaApi api, long context, String name, MemoryBudget budget) {
    this.source = new BlockSource(api, context, name, budget, false);
    budget.add(this);
  }

  BlockSource source() {
    return source;
  }

  /**
   * The memory of a stream.
   *
   * @param stream a {@code CUstream} of the context; close this memory before it is destroyed
   */
  public synchronized StreamMemory on(long stream) {
    if (closed) {
      throw new IllegalStateException("the pool " + source.name + " is closed");
    }
    StreamMemory memory = new StreamMemory(this, stream);
    streams.add(memory);
    return memory;
  }

  /** Steps 2 to 6 of the class's description. */
  Block find(StreamMemory taker, int sizeClass, String label) {
    long before = source.enter();
    try {
      Block block = orphan(sizeClass);
      if (block == null) {
        block = borrow(taker, sizeClass, false);
      }
      if (block == null) {
        block = source.tryGrow(sizeClass, label);
      }
      if (block == null) {
        block = borrow(taker, sizeClass, true);
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

  private Block orphan(int sizeClass) {
    synchronized (orphans) {
      return orphans.pop(sizeClass);
    }
  }

  private Block borrow(StreamMemory taker, int sizeClass, boolean wait) {
    for (StreamMemory other : streams) {
      Block block = other == taker ? null : other.lend(sizeClass, taker.stream(), wait);
      if (block != null) {
        return block;
      }
    }
    return null;
  }

  /** Takes the blocks of a stream's memory that is closed; its stream is done with them. */
  void adopt(StreamMemory memory, List<Block> blocks) {
    synchronized (orphans) {
      blocks.forEach(orphans::push);
    }
    streams.remove(memory);
  }

  /**
   * Gives blocks back that nobody leases, until they have so many bytes. Waits for the streams that
   * released them.
   *
   * @return the bytes that were given back
   */
  @Override
  public long trim(long wantedBytes) {
    long before = source.enter();
    try {
      long given = 0;
      List<Block> out;
      synchronized (orphans) {
        out = orphans.takeOut(wantedBytes);
      }
      given += free(out);
      for (StreamMemory memory : streams) {
        if (given < wantedBytes) {
          given += free(memory.takeOut(wantedBytes - given));
        }
      }
      return given;
    } finally {
      source.leave(before);
    }
  }

  private long free(List<Block> blocks) {
    long bytes = 0;
    for (Block block : blocks) {
      source.free(block);
      bytes += block.bytes();
    }
    return bytes;
  }

  /** What the pool did and holds. */
  public PoolStats stats() {
    long leases = 0;
    long hits = 0;
    long waits = 0;
    for (StreamMemory memory : streams) {
      leases += memory.leases();
      hits += memory.hits();
      waits += memory.waits();
    }
    return new PoolStats(
        source.heldBytes.sum(), leases, hits, waits, source.allocations.sum(), source.frees.sum());
  }

  /**
   * Gives all memory back. Closing twice does nothing.
   *
   * @throws IllegalStateException where leases are live, or stream memories open; they are named,
   *     and nothing is closed
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    if (!streams.isEmpty()) {
      throw new IllegalStateException(
          "the pool " + source.name + " is still used by " + streams + ": close them first");
    }
    closed = true;
    try {
      trim(Long.MAX_VALUE);
    } catch (CudaException e) {
      // The context is lost, and its memory with it: what is left to do is to count it out.
      source.lost(e);
      synchronized (orphans) {
        free(orphans.takeOut(Long.MAX_VALUE));
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
