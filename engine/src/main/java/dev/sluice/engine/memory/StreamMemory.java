package dev.sluice.engine.memory;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A stream's part of a {@link DevicePool}. Leases are taken for work that is enqueued in this
 * stream, and closed once that work is enqueued, not once it is done.
 *
 * <p>A capture is begun and ended through this object, so that the pool does not touch a stream
 * that is capturing: meanwhile leases are served by this stream's own blocks only, and a graph
 * needs what was leased for it as long as it is launched. Lease before a capture begins what it
 * needs.
 *
 * <p>Thread safety: any thread; one thread at a time gets memory in the order that it expects.
 */
public final class StreamMemory implements AutoCloseable {
  private static final boolean CHECKED = Boolean.getBoolean("sluice.checked");

  private final DevicePool pool;
  private final long stream;
  private final NativeHandle event;
  private final BlockStacks free = new BlockStacks();
  private DeviceLease newest;
  private boolean capturing;
  private boolean closed;
  private long leases;
  private long hits;
  private long waits;

  StreamMemory(DevicePool pool, long stream) {
    this.pool = pool;
    this.stream = stream;
    BlockSource source = pool.source();
    long before = source.enter();
    try {
      this.event = source.newEvent();
    } finally {
      source.leave(before);
    }
  }

  long stream() {
    return stream;
  }

  /**
   * A lease that holds nothing yet; made once and taken again and again.
   *
   * @param label what it is for, in messages
   */
  public DeviceLease newLease(String label) {
    return new DeviceLease(this, label);
  }

  /** See {@link DeviceLease#take}. */
  void take(DeviceLease lease, long sizeBytes) {
    if (sizeBytes < 0 || sizeBytes > SizeClasses.MAX_BYTES) {
      throw new IllegalArgumentException(
          lease + ": " + sizeBytes + " bytes; lease 0 to " + SizeClasses.MAX_BYTES);
    }
    int sizeClass = SizeClasses.of(Math.max(1, sizeBytes));
    synchronized (this) {
      requireFree(lease);
      Block block = free.pop(sizeClass);
      if (block != null) {
        hits++;
        hold(lease, block, sizeBytes);
        return;
      }
      if (capturing) {
        throw new IllegalStateException(
            lease
                + ": the stream is capturing and has no block of "
                + SizeClasses.bytes(sizeClass)
                + " bytes left; lease what a graph needs before its capture begins");
      }
    }
    Block block = pool.find(this, sizeClass, lease.label());
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

  private void requireFree(DeviceLease lease) {
    if (closed) {
      throw new IllegalStateException(lease + ": the memory of its stream is closed");
    }
    if (lease.block != null) {
      throw new IllegalStateException(lease + " is taken already: close it first");
    }
  }

  private void hold(DeviceLease lease, Block block, long sizeBytes) {
    lease.sizeBytes = sizeBytes;
    lease.older = newest;
    lease.newer = null;
    if (newest != null) {
      newest.newer = lease;
    }
    newest = lease;
    leases++;
    if (CHECKED) {
      lease.site = new Throwable("taken here");
    }
    lease.block = block;
  }

  /** See {@link DeviceLease#close}. */
  synchronized void release(DeviceLease lease) {
    Block block = lease.block;
    if (block == null) {
      return;
    }
    lease.block = null;
    lease.site = null;
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
    free.push(block);
  }

  /**
   * A block for another stream, after all that is in this one now; the context is current.
   *
   * @param wait whether the other stream may have to wait for this one
   */
  synchronized Block lend(int sizeClass, long taker, boolean wait) {
    if (capturing || closed) {
      return null;
    }
    Block block = free.pop(sizeClass);
    if (block == null) {
      return null;
    }
    boolean lent = false;
    try {
      BlockSource source = pool.source();
      source.check(source.api.cuEventRecord(event.raw(), stream), "cuEventRecord", toString());
      int status = source.api.cuEventQuery(event.raw());
      if (status == CudaApi.CUDA_SUCCESS) {
        hits++;
        lent = true;
      } else if (status != CudaApi.CUDA_ERROR_NOT_READY) {
        throw CudaStatus.exception(source.api, status, "cuEventQuery", toString());
      } else if (wait) {
        source.check(
            source.api.cuStreamWaitEvent(taker, event.raw(), 0), "cuStreamWaitEvent", toString());
        waits++;
        lent = true;
      }
    } finally {
      if (!lent) {
        free.push(block);
      }
    }
    return lent ? block : null;
  }

  /** Blocks that may be given back, after this stream is done with them; the context is current. */
  synchronized List<Block> takeOut(long wantedBytes) {
    if (capturing || closed) {
      return List.of();
    }
    List<Block> out = free.takeOut(wantedBytes);
    if (!out.isEmpty()) {
      try {
        finish();
      } catch (CudaException e) {
        out.forEach(free::push);
        throw e;
      }
    }
    return out;
  }

  /** Waits until the stream is done with all that is in it now. */
  private void finish() {
    BlockSource source = pool.source();
    source.check(source.api.cuEventRecord(event.raw(), stream), "cuEventRecord", toString());
    source.check(source.api.cuEventSynchronize(event.raw()), "cuEventSynchronize", toString());
  }

  /**
   * Begins to capture the stream's work into a graph.
   *
   * @param mode a {@code CU_STREAM_CAPTURE_MODE_*}
   * @throws CudaException where the driver refuses
   */
  public synchronized void beginCapture(int mode) {
    BlockSource source = pool.source();
    source.check(
        source.api.cuStreamBeginCapture_v2(stream, mode), "cuStreamBeginCapture_v2", toString());
    capturing = true;
  }

  /**
   * Ends the capture.
   *
   * @param graph 8 bytes for the {@code CUgraph}
   * @throws CudaException where the capture was spoilt; the stream works as before
   */
  public synchronized void endCapture(MemorySegment graph) {
    capturing = false;
    BlockSource source = pool.source();
    source.check(source.api.cuStreamEndCapture(stream, graph), "cuStreamEndCapture", toString());
  }

  /** The lease that was taken last of those that are live; null where none is. */
  synchronized DeviceLease newest() {
    return newest;
  }

  synchronized long leases() {
    return leases;
  }

  synchronized long hits() {
    return hits;
  }

  synchronized long waits() {
    return waits;
  }

  /**
   * Waits for the stream and leaves its blocks to the pool. Closing twice does nothing.
   *
   * @throws IllegalStateException where leases are live; they are named, and nothing is closed
   */
  @Override
  public void close() {
    BlockSource source = pool.source();
    List<Block> left;
    synchronized (this) {
      if (closed) {
        return;
      }
      if (newest != null) {
        throw new IllegalStateException(
            this + " has live leases: " + liveLeases() + "; close them first");
      }
      closed = true;
      long before = source.enterQuietly();
      try {
        finish();
      } catch (CudaException e) {
        // The context is lost: nothing runs in the stream any more.
        source.lost(e);
      } finally {
        event.close();
        source.leave(before);
      }
      left = free.takeOut(Long.MAX_VALUE);
    }
    pool.adopt(this, left);
  }

  private List<String> liveLeases() {
    List<String> live = new ArrayList<>();
    for (DeviceLease lease = newest; lease != null; lease = lease.older) {
      live.add(lease.describe());
    }
    return live;
  }

  @Override
  public String toString() {
    return pool + ", stream 0x" + Long.toHexString(stream);
  }
}
