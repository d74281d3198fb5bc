package dev.sluice.engine.memory;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaGraph;
import dev.sluice.bindings.cuda.CudaStream;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntSupplier;

/**
 * A stream's part of a {@link DevicePool}. Leases are taken for work that is enqueued in this
 * stream, and closed once that work is enqueued, not once it is done.
 *
 * <p>The pool leaves a stream alone that is capturing: it does not lend its blocks, nor trim them,
 * nor let it wait for another. A capture is begun and ended through this object, so that neither
 * happens in the middle of that. A graph needs what was leased for it as long as it is launched.
 *
 * <p>Thread safety: any thread; one thread at a time gets memory in the order that it expects.
 */
public final class StreamMemory implements AutoCloseable {
  private final DevicePool pool;
  private final BlockSource source;
  private final MemoryBudget.Tree tree;
  private final long stream;
  private final String text;

  /** Used with the tree's lock. */
  private final NativeHandle event;

  private final BlockStacks free = new BlockStacks();
  private final LeaseList live = new LeaseList();
  private boolean closed;
  private long hits;
  private long waits;

  StreamMemory(DevicePool pool, long stream) {
    this.pool = pool;
    this.source = pool.source();
    this.tree = source.tree;
    this.stream = stream;
    this.text = source.describe(stream);
    long before = source.enter();
    int mode = source.relax();
    try {
      this.event = source.newEvent();
    } finally {
      source.leave(before, mode);
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
    int sizeClass = lease.sizeClass(sizeBytes);
    if (!tree.trimming && takeOwn(lease, sizeClass, sizeBytes)) {
      return;
    }
    synchronized (tree) {
      if (!takeOwn(lease, sizeClass, sizeBytes)) {
        hold(lease, pool.find(this, sizeClass, lease.label), sizeBytes);
      }
    }
  }

  private synchronized boolean takeOwn(DeviceLease lease, int sizeClass, long sizeBytes) {
    if (closed) {
      throw new IllegalStateException(lease + ": the memory of its stream is closed");
    }
    lease.requireFree();
    Block block = free.pop(sizeClass);
    if (block == null) {
      return false;
    }
    hits++;
    lease.hold(block, sizeBytes);
    live.add(lease);
    return true;
  }

  private synchronized void hold(DeviceLease lease, Block block, long sizeBytes) {
    try {
      lease.requireFree();
    } catch (IllegalStateException e) {
      free.push(block);
      throw e;
    }
    lease.hold(block, sizeBytes);
    live.add(lease);
  }

  /** See {@link DeviceLease#close}. */
  synchronized void release(DeviceLease lease) {
    Block block = lease.block;
    if (block != null) {
      lease.letGo();
      live.remove(lease);
      free.push(block);
    }
  }

  /**
   * A block for another stream, after all that is in this one now; the tree's lock is held.
   *
   * @param wait whether the other stream waits for this one; else this one must be done
   */
  synchronized Block lend(int sizeClass, StreamMemory taker, boolean wait) {
    Block block = free.pop(sizeClass);
    if (block == null) {
      return null;
    }
    boolean lent = false;
    try {
      lent = !source.isCapturing(stream) && (wait ? holdBack(taker) : isDone());
    } finally {
      if (!lent) {
        free.push(block);
      }
    }
    return lent ? block : null;
  }

  private boolean isDone() {
    int status = source.api.cuStreamQuery(stream);
    if (status == CudaApi.CUDA_ERROR_NOT_READY) {
      return false;
    }
    source.check(status, "cuStreamQuery", text);
    hits++;
    return true;
  }

  private boolean holdBack(StreamMemory taker) {
    record();
    source.check(
        source.api.cuStreamWaitEvent(
            taker.stream, event.raw(), CudaConstants.CU_EVENT_WAIT_DEFAULT),
        "cuStreamWaitEvent",
        taker.text);
    waits++;
    return true;
  }

  private void record() {
    source.check(source.api.cuEventRecord(event.raw(), stream), "cuEventRecord", text);
  }

  /**
   * Takes free blocks out, until they have so many bytes, and waits until the stream is done with
   * them; none where it is capturing. The tree's lock is held.
   */
  List<Block> takeOut(long wantedBytes) {
    List<Block> out;
    synchronized (this) {
      out = free.takeOut(wantedBytes);
    }
    boolean done = out.isEmpty();
    try {
      if (!done && begunToFinish()) {
        source.check(source.api.cuEventSynchronize(event.raw()), "cuEventSynchronize", text);
        done = true;
      }
    } catch (CudaException e) {
      source.requireLost(e);
      done = true;
    } finally {
      if (!done) {
        putBack(out);
      }
    }
    return done ? out : List.of();
  }

  /** Marks how far the stream has to come; false where it is capturing. */
  private synchronized boolean begunToFinish() {
    if (source.isCapturing(stream)) {
      return false;
    }
    record();
    return true;
  }

  private synchronized void putBack(List<Block> blocks) {
    blocks.forEach(free::push);
  }

  /**
   * Begins to capture the stream's work into a graph.
   *
   * @param mode a {@code CU_STREAM_CAPTURE_MODE_*}
   * @throws CudaException where the driver refuses
   */
  public synchronized void beginCapture(int mode) {
    inContext("cuStreamBeginCapture_v2", () -> source.api.cuStreamBeginCapture_v2(stream, mode));
  }

  /**
   * Ends the capture.
   *
   * @param graph 8 bytes for the {@code CUgraph}
   * @throws CudaException where the capture was spoilt, after which the stream works as before; or
   *     where another thread has to end it
   */
  public synchronized void endCapture(MemorySegment graph) {
    inContext("cuStreamEndCapture", () -> source.api.cuStreamEndCapture(stream, graph));
  }

  /**
   * Captures what the work enqueues, as {@link CudaStream#capture} does; the context is current.
   *
   * @param own the stream of this memory
   */
  public CudaGraph capture(CudaStream own, Runnable work) {
    if (own.raw() != stream) {
      throw new IllegalArgumentException(own + " is not the stream of " + this);
    }
    return own.capture(work, this);
  }

  private void inContext(String function, IntSupplier call) {
    int status;
    long before = source.enter();
    try {
      status = call.getAsInt();
    } finally {
      source.leave(before);
    }
    source.check(status, function, toString());
  }

  synchronized long leases() {
    return live.size();
  }

  synchronized long hits() {
    return hits;
  }

  synchronized long waits() {
    return waits;
  }

  /**
   * Waits for the work that used the stream's blocks, and leaves them to the pool. Closing twice
   * does nothing.
   *
   * @throws IllegalStateException where leases are live, which are named, or the stream is
   *     capturing; nothing is closed
   * @throws CudaException where the stream could not be waited for; nothing is closed, unless the
   *     device is lost, and all that ran on it
   */
  @Override
  public void close() {
    synchronized (tree) {
      if (!beginsToClose()) {
        return;
      }
      long before = source.enterEvenLost();
      int mode = source.relax();
      List<Block> left = null;
      try {
        requireNotCapturing();
        left = takeOut(Long.MAX_VALUE);
        event.close();
      } finally {
        source.leave(before, mode);
        if (left == null) {
          reopen();
        }
      }
      pool.adopt(this, left);
    }
  }

  private synchronized boolean beginsToClose() {
    if (closed) {
      return false;
    }
    live.requireNone(this);
    closed = true;
    return true;
  }

  private synchronized void reopen() {
    closed = false;
  }

  private void requireNotCapturing() {
    try {
      if (source.isCapturing(stream)) {
        throw new IllegalStateException(this + " is capturing; end the capture before the close");
      }
    } catch (CudaException e) {
      source.requireLost(e);
    }
  }

  /** The stream and its leases, for messages. */
  synchronized String describe() {
    return live.size() == 0 ? toString() : this + " with the leases " + live.describe();
  }

  @Override
  public String toString() {
    return text;
  }
}
