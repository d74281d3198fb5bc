package dev.sluice.bindings.sim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One block of memory that the simulated driver knows: the device's, or pinned host memory. A
 * device's block has an address that no host memory has; what stands behind it is made at the first
 * access and filled with {@link #POISON}.
 *
 * <p>Thread safety: guarded by the simulated driver's lock, but for the bytes.
 */
final class Allocation {
  /** What memory that nobody wrote holds: as a float a huge number, as a signed byte -91. */
  static final byte POISON = (byte) 0xA5;

  /** Where a block came from, which says how it goes. */
  enum Kind {
    /** {@code cuMemAlloc}. */
    DEVICE,
    /** A stream-ordered pool. */
    POOL,
    /** {@code cuMemHostAlloc}. */
    PINNED,
    /** {@code cuMemHostRegister}: memory of the caller's. */
    REGISTERED
  }

  /** An access that a later one must be ordered after, where one of them writes. */
  private record Access(
      long offset, long sizeBytes, boolean write, int stream, long tick, String what) {
    boolean overlaps(long otherOffset, long otherSize) {
      return offset < otherOffset + otherSize && otherOffset < offset + sizeBytes;
    }
  }

  /** Older accesses are forgotten: a race with one of them is missed. */
  private static final int REMEMBERED = 128;

  final Kind kind;
  final long address;
  final long sizeBytes;
  final SimContext context;
  final SimPool pool;
  final long id;
  private final List<Access> accesses = new ArrayList<>();
  private Arena arena;
  private MemorySegment bytes;

  /** A free was called; the streams may not have come to it. */
  boolean freeing;

  /** The pool counts its bytes as free. */
  boolean returned;

  Allocation(Kind kind, long address, long sizeBytes, SimContext context, SimPool pool, long id) {
    this.kind = kind;
    this.address = address;
    this.sizeBytes = sizeBytes;
    this.context = context;
    this.pool = pool;
    this.id = id;
  }

  /** Pinned memory, or the caller's: the bytes are there already. */
  void backedBy(Arena owner, MemorySegment memory) {
    arena = owner;
    bytes = memory;
  }

  boolean isDevice() {
    return kind == Kind.DEVICE || kind == Kind.POOL;
  }

  boolean contains(long start, long length) {
    return start >= address && length <= sizeBytes && start - address <= sizeBytes - length;
  }

  /** The bytes from an address on; the caller has checked the bounds. */
  @SuppressWarnings("MustBeClosedChecker") // closed by release
  MemorySegment slice(long start, long length) {
    if (bytes == null) {
      arena = Arena.ofShared();
      bytes = arena.allocate(sizeBytes, 64).fill(POISON);
    }
    return bytes.asSlice(start - address, length);
  }

  /** Frees what stands behind the address. */
  void release() {
    if (arena != null) {
      arena.close();
    }
    arena = null;
    bytes = null;
  }

  /**
   * Notes an access and looks for an earlier one that it is not ordered after.
   *
   * @return what the two are, or null where there is no race
   */
  String access(
      long start, long length, boolean write, int stream, long tick, Clock clock, String what) {
    long offset = start - address;
    String race = null;
    for (int i = accesses.size() - 1; i >= 0; i--) {
      Access earlier = accesses.get(i);
      boolean ordered = clock.covers(earlier.stream, earlier.tick);
      if (!ordered
          && (write || earlier.write)
          && earlier.overlaps(offset, length)
          && race == null) {
        race =
            what
                + " is not ordered after "
                + earlier.what
                + " on the same memory at 0x"
                + Long.toHexString(address)
                + "+"
                + offset;
      }
      boolean covered =
          earlier.offset >= offset && earlier.offset + earlier.sizeBytes <= offset + length;
      if (ordered && covered && (write || !earlier.write)) {
        accesses.remove(i);
      }
    }
    if (accesses.size() == REMEMBERED) {
      accesses.removeFirst();
    }
    accesses.add(new Access(offset, length, write, stream, tick, what));
    return race;
  }
}
