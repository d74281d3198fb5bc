package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The address space: device memory at addresses of its own, which are never given twice, and pinned
 * host memory at its own.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class Memory {
  /**
   * Where no host memory is: user addresses have at most 56 bits on x86-64 (Intel's 5-level paging)
   * and 52 on aarch64.
   */
  static final long DEVICE_BASE = 0x0200_0000_0000_0000L;

  /** What {@code cuMemAlloc} aligns to, and pools do. */
  static final long ALIGNMENT_BYTES = 512;

  private static final long GUARD_BYTES = 1L << 16;
  private static final int RACES = 64;

  private final TreeMap<Long, Allocation> live = new TreeMap<>();
  private final List<String> races = new ArrayList<>();
  private long nextAddress = DEVICE_BASE;
  private long ids;

  /** A block of device memory; its bytes are accounted for already. */
  Allocation device(Allocation.Kind kind, long sizeBytes, SimContext context, SimPool pool) {
    long address = nextAddress;
    nextAddress += roundUp(sizeBytes) + GUARD_BYTES;
    return add(new Allocation(kind, address, sizeBytes, context, pool, ++ids));
  }

  /** Pinned host memory. */
  @SuppressWarnings("MustBeClosedChecker") // closed by release
  Allocation pinned(long sizeBytes, SimContext context) {
    Arena arena = Arena.ofShared();
    MemorySegment bytes = arena.allocate(sizeBytes, 4096).fill(Allocation.POISON);
    Allocation allocation =
        new Allocation(Allocation.Kind.PINNED, bytes.address(), sizeBytes, context, null, ++ids);
    allocation.backedBy(arena, bytes);
    return add(allocation);
  }

  /** The caller's host memory, pinned; null where a part of it is pinned already. */
  Allocation registered(long address, long sizeBytes, SimContext context) {
    Map.Entry<Long, Allocation> below = live.lowerEntry(address + sizeBytes);
    if (below != null && below.getValue().address + below.getValue().sizeBytes > address) {
      return null;
    }
    Allocation allocation =
        new Allocation(Allocation.Kind.REGISTERED, address, sizeBytes, context, null, ++ids);
    allocation.backedBy(null, MemorySegment.ofAddress(address).reinterpret(sizeBytes));
    return add(allocation);
  }

  private Allocation add(Allocation allocation) {
    live.put(allocation.address, allocation);
    return allocation;
  }

  /** The live block that holds an address, or null. */
  Allocation find(long address) {
    Map.Entry<Long, Allocation> below = live.floorEntry(address);
    return below != null && below.getValue().contains(address, 1) ? below.getValue() : null;
  }

  /** The live block that starts at an address, or null. */
  Allocation at(long address) {
    return live.get(address);
  }

  /** Whether an address can only be a device's. */
  static boolean isDeviceAddress(long address) {
    return address >= DEVICE_BASE;
  }

  /**
   * Frees a block's address and bytes and gives its memory back to where it came from; nothing
   * where another has done so.
   */
  void release(Allocation allocation) {
    if (!live.remove(allocation.address, allocation)) {
      return;
    }
    allocation.release();
    if (allocation.kind == Allocation.Kind.DEVICE) {
      allocation.context.device.usedBytes -= roundUp(allocation.sizeBytes);
    } else if (allocation.kind == Allocation.Kind.POOL) {
      returnToPool(allocation);
    }
  }

  /**
   * Gives a pool's bytes back to its account; those of a block that is being freed, ahead of it.
   */
  void returnToPool(Allocation allocation) {
    if (!allocation.returned) {
      allocation.returned = true;
      allocation.pool.free(roundUp(allocation.sizeBytes));
    }
  }

  /** The host frees a block without waiting: a use that it has not seen the end of is a race. */
  void releaseNow(Allocation allocation, Clock observed) {
    note(
        allocation.access(
            allocation.address, allocation.sizeBytes, true, -1, 0, observed, "cuMemFree"));
    release(allocation);
  }

  private void note(String race) {
    if (race != null && races.size() < RACES) {
      races.add(race);
    }
  }

  /** Bytes that an operation touches now, or its failure. */
  MemorySegment access(
      long address, long sizeBytes, boolean write, Operation operation, String what) {
    Allocation allocation = find(address);
    if (allocation == null) {
      throw Action.illegal(what, address, sizeBytes, "no live allocation is there");
    }
    if (!allocation.contains(address, sizeBytes)) {
      throw Action.illegal(
          what,
          address,
          sizeBytes,
          "the allocation at 0x"
              + Long.toHexString(allocation.address)
              + " has only "
              + allocation.sizeBytes);
    }
    if (allocation.isDevice() && allocation.context.device != operation.stream().context.device) {
      throw Action.illegal(what, address, sizeBytes, "it is another device's memory");
    }
    note(
        allocation.access(
            address,
            sizeBytes,
            write,
            operation.stream().id,
            operation.tick(),
            operation.clock(),
            what + " in " + operation.stream()));
    return allocation.slice(address, sizeBytes);
  }

  /** A stream-ordered allocation is a write in its stream, so that an unordered use is a race. */
  void allocatedIn(Allocation allocation, SimStream stream, long tick) {
    allocation.access(
        allocation.address,
        allocation.sizeBytes,
        true,
        stream.id,
        tick,
        stream.clock,
        "its allocation in " + stream);
  }

  /** Forgets all blocks of a context that was destroyed; a pool's are the device's. */
  void releaseAll(SimContext context) {
    for (Allocation allocation : List.copyOf(live.values())) {
      if (allocation.context == context && allocation.kind != Allocation.Kind.POOL) {
        release(allocation);
      }
    }
  }

  List<Allocation> live() {
    return List.copyOf(live.values());
  }

  List<String> races() {
    return List.copyOf(races);
  }

  static long roundUp(long sizeBytes) {
    return (sizeBytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
  }

  /** Refuses host or device memory that a call names and that is not there. */
  Allocation require(long address, long sizeBytes, String what) {
    Allocation allocation = find(address);
    if (allocation == null || allocation.freeing || !allocation.contains(address, sizeBytes)) {
      throw new Refused(
          CudaStatus.INVALID_VALUE,
          what + ": 0x" + Long.toHexString(address) + " has not " + sizeBytes + " bytes");
    }
    return allocation;
  }
}
