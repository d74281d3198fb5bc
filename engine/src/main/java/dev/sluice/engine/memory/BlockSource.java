package dev.sluice.engine.memory;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.NativeMemory;
import dev.sluice.bindings.ScopedSegments;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaException;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;

/**
 * Where pools get blocks: the driver, as far as the budget allows. Every call has the pool's
 * context current, and the caller's after it.
 *
 * <p>Thread safety: any thread; calls of the driver that write a result go one at a time.
 */
final class BlockSource implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(BlockSource.class.getName());

  final CudaApi api;
  final String name;
  final MemoryBudget budget;
  final LongAdder heldBytes = new LongAdder();
  final LongAdder allocations = new LongAdder();
  final LongAdder frees = new LongAdder();
  private final long context;
  private final boolean pinned;
  private final NativeMemory out;

  BlockSource(CudaApi api, long context, String name, MemoryBudget budget, boolean pinned) {
    this.api = api;
    this.context = context;
    this.name = name;
    this.budget = budget;
    this.pinned = pinned;
    this.out = NativeMemory.allocate("results of the pool " + name, 2L * Long.BYTES, Long.BYTES);
  }

  /** Makes the pool's context current; the one that was. */
  synchronized long enter() {
    MemorySegment result = out.segment();
    check(api.cuCtxGetCurrent(result), "cuCtxGetCurrent", "");
    long before = result.get(JAVA_LONG, 0);
    if (before != context) {
      check(api.cuCtxSetCurrent(context), "cuCtxSetCurrent", "context of the pool " + name);
    }
    return before;
  }

  /** The same on a context that may be lost: what cannot be made current is left. */
  long enterQuietly() {
    try {
      return enter();
    } catch (CudaException e) {
      lost(e);
      return context;
    }
  }

  /** Notes that memory could not be given back in order. */
  void lost(CudaException e) {
    LOG.log(System.Logger.Level.DEBUG, "closing the pool " + name, e);
  }

  /** Makes the caller's context current again. */
  void leave(long before) {
    if (before != context) {
      // It was current a moment ago; that it cannot be again says its owner destroyed it.
      api.cuCtxSetCurrent(before);
    }
  }

  void check(int status, String function, String arguments) {
    CudaStatus.check(api, status, function, arguments);
  }

  /** A new block, or null where the budget or the driver has no room; the context is current. */
  Block tryGrow(int sizeClass, String label) {
    long sizeBytes = SizeClasses.bytes(sizeClass);
    if (budget.reserve(sizeBytes) != null) {
      return null;
    }
    int status;
    long address = 0;
    synchronized (this) {
      MemorySegment result = out.segment();
      status =
          pinned
              ? api.cuMemHostAlloc(result, sizeBytes, CudaConstants.CU_MEMHOSTALLOC_PORTABLE)
              : api.cuMemAlloc_v2(result, sizeBytes);
      address = result.get(JAVA_LONG, 0);
    }
    if (status != CudaApi.CUDA_SUCCESS) {
      budget.release(sizeBytes);
      if (status == CudaStatus.OUT_OF_MEMORY.code()) {
        return null;
      }
      throw CudaStatus.exception(
          api, status, function(), label + ", " + sizeBytes + " bytes for the pool " + name);
    }
    allocations.increment();
    heldBytes.add(sizeBytes);
    NativeHandle handle =
        NativeHandle.own(
            pinned ? "pinned memory" : "device memory",
            "pool " + name,
            address,
            pinned ? api::cuMemFreeHost : api::cuMemFree_v2);
    Block block = new Block(handle, sizeClass);
    if (pinned) {
      block.segment = ScopedSegments.ofLibrary(address, sizeBytes);
    }
    return block;
  }

  String function() {
    return pinned ? "cuMemHostAlloc" : "cuMemAlloc_v2";
  }

  /** Gives a block back that nothing uses any more; the context is current. */
  void free(Block block) {
    block.handle.close();
    if (block.event != null) {
      block.event.close();
    }
    budget.release(block.bytes());
    heldBytes.add(-block.bytes());
    frees.increment();
  }

  NativeHandle newEvent() {
    synchronized (this) {
      MemorySegment result = out.segment();
      check(
          api.cuEventCreate(result, CudaConstants.CU_EVENT_DISABLE_TIMING),
          "cuEventCreate",
          "pool " + name);
      return NativeHandle.own(
          "CUevent", "pool " + name, result.get(JAVA_LONG, 0), api::cuEventDestroy_v2);
    }
  }

  /** Lets pools under the budget that refuses give back what nobody leases; how much they gave. */
  long trimBudget(int sizeClass) {
    long sizeBytes = SizeClasses.bytes(sizeClass);
    return budget.narrowest(sizeBytes).trim(sizeBytes);
  }

  /** Says which level, or the device, has no room for a block. */
  MemoryExhaustedException exhausted(int sizeClass, String label, long trimmedBytes) {
    long sizeBytes = SizeClasses.bytes(sizeClass);
    String reason = "";
    for (MemoryBudget.Level level : budget.levels()) {
      if (reason.isEmpty() && sizeBytes > level.limitBytes() - level.usedBytes()) {
        reason = "the budget " + level.name() + " refuses";
      }
    }
    if (reason.isEmpty()) {
      reason = pinned ? "the host has no pages left to pin" : deviceIsFull();
    }
    return new MemoryExhaustedException(
        function(), label, sizeBytes, budget.levels(), reason, trimmedBytes);
  }

  private String deviceIsFull() {
    synchronized (this) {
      MemorySegment free = out.segment().asSlice(0, Long.BYTES);
      MemorySegment total = out.segment().asSlice(Long.BYTES, Long.BYTES);
      return api.cuMemGetInfo_v2(free, total) == CudaApi.CUDA_SUCCESS
          ? "the device has "
              + free.get(JAVA_LONG, 0)
              + " of "
              + total.get(JAVA_LONG, 0)
              + " bytes free"
          : "the device has no room";
    }
  }

  @Override
  public void close() {
    out.close();
  }
}
