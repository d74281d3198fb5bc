package dev.sluice.engine.memory;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaException;
import java.util.ArrayList;
import java.util.List;

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
 *   <li>a block of another stream: this one waits for it, on the device, unless it is capturing;
 *   <li>a new block after others' idle memory was given back: what each budget without room lacks,
 *       or all of the same context where the device is full;
 * </ol>
 *
 * and else fails with a {@link MemoryExhaustedException}. Blocks come from {@code cuMemAlloc}, not
 * from the driver's stream-ordered pools: those would do steps 1 and 5 with a call each, take them
 * away from a capture, and are missing where a device does not support them; calls of the driver
 * are made only while the pool grows.
 *
 * <p>Step 1 takes the lock of the stream's memory alone. All others, trimming and closing take that
 * of the budget's tree first, one after the other, so that who is refused was refused for what is
 * leased, not for what another was about to give back. Whoever gives memory back waits with that
 * lock for the streams that use it: a stream must not wait for a thread that leases.
 *
 * <p>Thread safety: any thread.
 */
public final class DevicePool implements AutoCloseable {
  private final BlockSource source;

  /** Guarded by the lock of the budget's tree. */
  private final BlockStacks orphans = new BlockStacks();

  private final List<StreamMemory> streams = new ArrayList<>();
  private boolean closed;

  /** Of orphans, and of streams' memories that are closed. */
  private long hits;

  private long waits;

  /**
   * A pool that holds nothing yet.
   *
   * @param context the {@code CUcontext} that the memory belongs to; it stays alive as long as this
   * @param name for messages
   * @param budget what it may hold
   */
  public DevicePool(CudaApi api, long context, String name, MemoryBudget budget) {
    this.source = new BlockSource(api, context, name, budget, false, this::giveBack);
  }

  BlockSource source() {
    return source;
  }

  /**
   * The memory of a stream.
   *
   * @param stream a {@code CUstream} of the context, not {@code CU_STREAM_PER_THREAD}; close this
   *     memory before it is destroyed. 0 is the legacy stream, which is left alone while a blocking
   *     stream captures
   */
  public StreamMemory on(long stream) {
    BlockSource.requireOneStream(stream);
    synchronized (source.tree) {
      if (closed) {
        throw new IllegalStateException("the " + source + " is closed");
      }
      StreamMemory memory = new StreamMemory(this, stream);
      synchronized (this) {
        streams.add(memory);
      }
      return memory;
    }
  }

  /** Steps 2 to 6 of the class's description; the tree's lock is held. */
  Block find(StreamMemory taker, int sizeClass, String label) {
    long before = source.enter();
    int mode = source.relax();
    try {
      Block block = orphan(sizeClass);
      if (block == null) {
        block = borrow(taker, sizeClass, false);
      }
      if (block == null) {
        block = source.tryGrow(sizeClass, label);
      }
      if (block == null && !source.isCapturing(taker.stream())) {
        block = borrow(taker, sizeClass, true);
      }
      return block == null ? source.growAfterTrim(sizeClass, label) : block;
    } finally {
      source.leave(before, mode);
    }
  }

  private Block orphan(int sizeClass) {
    Block block = orphans.pop(sizeClass);
    if (block != null) {
      synchronized (this) {
        hits++;
      }
    }
    return block;
  }

  private Block borrow(StreamMemory taker, int sizeClass, boolean wait) {
    for (StreamMemory other : streams) {
      Block block = other == taker ? null : other.lend(sizeClass, taker, wait);
      if (block != null) {
        return block;
      }
    }
    return null;
  }

  /** Takes the blocks of a stream's memory that closes; its stream is done with them. */
  synchronized void adopt(StreamMemory memory, List<Block> blocks) {
    blocks.forEach(orphans::push);
    streams.remove(memory);
    hits += memory.hits();
    waits += memory.waits();
  }

  /**
   * Gives blocks back that nobody leases, until they have so many bytes. Waits for the streams that
   * released them, but for those that are capturing, which keep theirs.
   *
   * @return the bytes that were given back
   */
  public long trim(long wantedBytes) {
    return source.trim(wantedBytes);
  }

  private long giveBack(long wantedBytes) {
    long given = source.giveBack(orphans.takeOut(wantedBytes), orphans::push);
    for (StreamMemory memory : streams) {
      if (given < wantedBytes) {
        given += source.giveBack(memory.takeOut(wantedBytes - given), orphans::push);
      }
    }
    return given;
  }

  /** What the pool did and holds. */
  public synchronized PoolStats stats() {
    long leases = 0;
    long allHits = hits;
    long allWaits = waits;
    for (StreamMemory memory : streams) {
      leases += memory.leases();
      allHits += memory.hits();
      allWaits += memory.waits();
    }
    return new PoolStats(
        source.heldBytes.sum(),
        leases,
        allHits,
        allWaits,
        source.allocations.sum(),
        source.frees.sum());
  }

  /**
   * Gives all memory back. Closing twice does nothing.
   *
   * @throws IllegalStateException where stream memories are open; they are named with their leases,
   *     and nothing is closed
   * @throws CudaException where the driver refuses; what it did not take back stays in the pool
   */
  @Override
  public void close() {
    synchronized (source.tree) {
      if (closed) {
        return;
      }
      if (!streams.isEmpty()) {
        throw new IllegalStateException(
            "the "
                + source
                + " is still used by "
                + streams.stream().map(StreamMemory::describe).toList()
                + ": close them first");
      }
      source.close();
      closed = true;
    }
  }

  @Override
  public String toString() {
    return source.toString();
  }
}
