package dev.sluice.engine.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.NativeMemory;
import dev.sluice.bindings.ScopedSegments;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaHandles;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.LongUnaryOperator;

/**
 * Where a pool gets blocks, and how it gives them back: the driver, as far as the budget allows.
 * Calls are made between {@link #enter} and {@link #leave}, with the pool's context current, and
 * with the thread's capture mode relaxed: else asking for an event, or growing, would spoil a
 * capture of this thread's, or another's in global mode.
 *
 * <p>Thread safety: any thread; what grows and gives back needs the lock of the budget's tree.
 */
final class BlockSource implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(BlockSource.class.getName());

  /** {@code CU_STREAM_PER_THREAD}. */
  private static final long PER_THREAD_STREAM = 2;

  /** A capture mode that the driver did not tell. */
  private static final int UNKNOWN_MODE = -1;

  final CudaApi api;
  final MemoryBudget budget;

  /** The budget's; see {@link MemoryBudget.Tree}. */
  final MemoryBudget.Tree tree;

  final LongAdder heldBytes = new LongAdder();
  final LongAdder allocations = new LongAdder();
  final LongAdder frees = new LongAdder();
  private final String name;
  private final long context;
  private final boolean pinned;
  private final LongUnaryOperator trimmer;

  /** First a result of a short call, guarded by this object; then those of the tree's lock. */
  private final NativeMemory out;

  private final MemorySegment grown;
  private final MemorySegment total;
  private boolean closed;

  /** Whether the context was destroyed, and its memory with it: an address may be another's now. */
  private boolean gone;

  /**
   * A source without blocks, under a budget.
   *
   * @param name of the pool, for messages
   * @param pinned memory of the host rather than of the device
   * @param trimmer gives up to so many bytes of blocks that nobody leases to {@link #giveBack}, and
   *     returns how many; called with the tree's lock
   */
  BlockSource(
      CudaApi api,
      long context,
      String name,
      MemoryBudget budget,
      boolean pinned,
      LongUnaryOperator trimmer) {
    this.api = api;
    this.context = context;
    this.name = "pool " + name;
    this.budget = budget;
    this.tree = budget.tree;
    this.pinned = pinned;
    this.trimmer = trimmer;
    this.out = NativeMemory.allocate("results of the " + this.name, 3L * Long.BYTES, Long.BYTES);
    this.grown = out.segment().asSlice(Long.BYTES, Long.BYTES);
    this.total = out.segment().asSlice(2L * Long.BYTES, Long.BYTES);
    try {
      budget.add(this);
    } catch (IllegalStateException e) {
      out.close();
      throw e;
    }
  }

  /** Makes the pool's context current; the one that was. */
  synchronized long enter() {
    MemorySegment result = out.segment();
    check(api.cuCtxGetCurrent(result), "cuCtxGetCurrent", "");
    long before = result.get(JAVA_LONG, 0);
    if (before != context) {
      check(api.cuCtxSetCurrent(context), "cuCtxSetCurrent", name);
    }
    return before;
  }

  /** The same, but for a context that is lost: what is called then says so. */
  long enterEvenLost() {
    try {
      return enter();
    } catch (CudaException e) {
      requireLost(e);
      gone = e.sort() != CudaStatus.Sort.DEVICE_LOST;
      return context;
    }
  }

  /** Lets this thread do what a capture prohibits; the mode that it had. */
  synchronized int relax() {
    return exchange(CudaConstants.CU_STREAM_CAPTURE_MODE_RELAXED);
  }

  private int exchange(int mode) {
    MemorySegment inOut = out.segment();
    inOut.set(JAVA_INT, 0, mode);
    int status = api.cuThreadExchangeStreamCaptureMode(inOut);
    return status == CudaApi.CUDA_SUCCESS ? inOut.get(JAVA_INT, 0) : UNKNOWN_MODE;
  }

  /** Makes the caller's context current again, after its capture mode. */
  synchronized void leave(long before, int mode) {
    if (mode != UNKNOWN_MODE) {
      exchange(mode);
    }
    if (before != context) {
      // It was current a moment ago; that it cannot be again says its owner destroyed it.
      api.cuCtxSetCurrent(before);
    }
  }

  void leave(long before) {
    leave(before, UNKNOWN_MODE);
  }

  /** Passes a failure on, unless it says that all of the context is gone. */
  void requireLost(CudaException e) {
    int code = e.statusCode();
    boolean lost =
        gone
            || e.sort() == CudaStatus.Sort.DEVICE_LOST
            || code == CudaStatus.CONTEXT_IS_DESTROYED.code()
            || code == CudaStatus.INVALID_CONTEXT.code()
            || code == CudaStatus.DEINITIALIZED.code();
    if (!lost) {
      throw e;
    }
    LOG.log(System.Logger.Level.DEBUG, "giving back memory of the " + name, e);
  }

  void check(int status, String function, String arguments) {
    CudaStatus.check(api, status, function, arguments);
  }

  /** Whether a stream records into a graph, or must be left alone because another does. */
  synchronized boolean isCapturing(long stream) {
    MemorySegment result = out.segment();
    int status = api.cuStreamIsCapturing(stream, result);
    if (status == CudaStatus.STREAM_CAPTURE_IMPLICIT.code()) {
      return true;
    }
    if (status != CudaApi.CUDA_SUCCESS) {
      throw CudaStatus.exception(api, status, "cuStreamIsCapturing", describe(stream));
    }
    return result.get(JAVA_INT, 0) != CudaConstants.CU_STREAM_CAPTURE_STATUS_NONE;
  }

  /** A stream of the pool's, for messages. */
  String describe(long stream) {
    return name + ", stream 0x" + Long.toHexString(stream);
  }

  /** Refuses a handle that is another stream on each thread. */
  static void requireOneStream(long stream) {
    if (stream == PER_THREAD_STREAM) {
      throw new IllegalArgumentException(
          "CU_STREAM_PER_THREAD is another stream on each thread; make a stream");
    }
  }

  /** A new block, or null where the budget or the driver has no room; the tree's lock is held. */
  Block tryGrow(int sizeClass, String label) {
    return budget.reserve(SizeClasses.bytes(sizeClass)) == null ? allocate(sizeClass, label) : null;
  }

  /**
   * A new block after pools gave back what nobody leases: where a budget refuses, any pool under
   * it; where the driver does, all whose memory comes from the same place. The tree's lock is held.
   */
  Block growAfterTrim(int sizeClass, String label) {
    long sizeBytes = SizeClasses.bytes(sizeClass);
    List<CudaException> failures = new ArrayList<>();
    long trimmedBytes = budget.makeRoom(sizeBytes, failures);
    Block block = trimmedBytes > 0 ? tryGrow(sizeClass, label) : null;
    if (block == null && budget.refusing(sizeBytes) == null) {
      trimmedBytes += budget.trimTree(this::sharesMemory, failures);
      block = tryGrow(sizeClass, label);
    }
    if (block == null) {
      throw exhausted(sizeBytes, label, trimmedBytes, failures);
    }
    return block;
  }

  private boolean sharesMemory(BlockSource other) {
    return pinned ? other.pinned : !other.pinned && context == other.context;
  }

  /** A new block of what was reserved; null where the driver has no room, and nothing reserved. */
  private Block allocate(int sizeClass, String label) {
    long sizeBytes = SizeClasses.bytes(sizeClass);
    int status =
        pinned
            ? api.cuMemHostAlloc(grown, sizeBytes, CudaConstants.CU_MEMHOSTALLOC_PORTABLE)
            : api.cuMemAlloc_v2(grown, sizeBytes);
    if (status != CudaApi.CUDA_SUCCESS) {
      budget.release(sizeBytes);
      if (status == CudaStatus.OUT_OF_MEMORY.code()) {
        return null;
      }
      throw CudaStatus.exception(
          api, status, function(), label + ", " + sizeBytes + " bytes for the " + name);
    }
    allocations.increment();
    heldBytes.add(sizeBytes);
    long address = grown.get(JAVA_LONG, 0);
    NativeHandle handle =
        NativeHandle.own(pinned ? "pinned memory" : "device memory", name, address, _ -> {});
    Block block = new Block(handle, sizeClass);
    if (pinned) {
      block.segment = ScopedSegments.ofLibrary(address, sizeBytes);
    }
    return block;
  }

  private String function() {
    return pinned ? "cuMemHostAlloc" : "cuMemAlloc_v2";
  }

  /** Waits until the device is done with a block. */
  void await(Block block) {
    if (block.pending) {
      check(api.cuEventSynchronize(block.event.raw()), "cuEventSynchronize", name);
      block.pending = false;
    }
  }

  /**
   * Gives blocks back to the driver, once the device is done with them.
   *
   * @param keep takes those that could not be given back
   * @return the bytes that were
   */
  long giveBack(List<Block> blocks, Consumer<Block> keep) {
    long bytes = 0;
    CudaException failure = null;
    for (Block block : blocks) {
      try {
        free(block);
        bytes += block.bytes();
      } catch (CudaException e) {
        keep.accept(block);
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
    return bytes;
  }

  private void free(Block block) {
    try {
      if (!gone) {
        await(block);
        int status = pinned ? api.cuMemFreeHost(block.address) : api.cuMemFree_v2(block.address);
        check(status, pinned ? "cuMemFreeHost" : "cuMemFree_v2", name);
      }
    } catch (CudaException e) {
      requireLost(e);
    }
    block.handle.close();
    if (block.event != null) {
      block.event.close();
    }
    budget.release(block.bytes());
    heldBytes.add(-block.bytes());
    frees.increment();
  }

  /** An event without time; the pool's context is current. */
  synchronized NativeHandle newEvent() {
    MemorySegment result = out.segment();
    check(api.cuEventCreate(result, CudaConstants.CU_EVENT_DISABLE_TIMING), "cuEventCreate", name);
    return CudaHandles.own(
        api,
        "CUevent",
        name,
        result.get(JAVA_LONG, 0),
        "cuEventDestroy_v2",
        api::cuEventDestroy_v2);
  }

  /** Says which level, or the device, has no room for a block. */
  private MemoryExhaustedException exhausted(
      long sizeBytes, String label, long trimmedBytes, List<CudaException> failures) {
    MemoryBudget refusing = budget.refusing(sizeBytes);
    String reason;
    if (refusing != null) {
      reason = "the budget " + refusing.level().name() + " refuses";
    } else {
      reason = pinned ? "the host has no pages left to pin" : deviceIsFull();
    }
    MemoryExhaustedException exhausted =
        new MemoryExhaustedException(
            function(), label, sizeBytes, budget.levels(), reason, trimmedBytes);
    failures.forEach(exhausted::addSuppressed);
    return exhausted;
  }

  private String deviceIsFull() {
    return api.cuMemGetInfo_v2(grown, total) == CudaApi.CUDA_SUCCESS
        ? "the device has "
            + grown.get(JAVA_LONG, 0)
            + " of "
            + total.get(JAVA_LONG, 0)
            + " bytes free"
        : "the device has no room";
  }

  /** Gives up to so many bytes back that nobody leases, and says how many. */
  long trim(long wantedBytes) {
    synchronized (tree) {
      if (closed) {
        return 0;
      }
      long before = enterEvenLost();
      int mode = relax();
      try {
        return trimmer.applyAsLong(wantedBytes);
      } finally {
        leave(before, mode);
      }
    }
  }

  /** Gives all blocks back and leaves the budget; where the driver refuses, nothing is closed. */
  @Override
  public void close() {
    synchronized (tree) {
      trim(Long.MAX_VALUE);
      budget.remove(this);
      closed = true;
      out.close();
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
