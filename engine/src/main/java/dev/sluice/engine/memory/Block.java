package dev.sluice.engine.memory;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.MemorySegment;

/**
 * One allocation of the driver's, which a pool leases again and again.
 *
 * <p>Thread safety: guarded by the lock of whoever holds it.
 */
final class Block {
  /** Counts it in the ledger; the {@link BlockSource} gives the memory back. */
  final NativeHandle handle;

  final int sizeClass;
  final long address;

  /** Of pinned memory: all of it. */
  MemorySegment segment;

  /** Of pinned memory: marks where a stream was done with it; null until a stream used it. */
  NativeHandle event;

  /** Whether the device may still use it, until the event has passed. */
  boolean pending;

  Block(NativeHandle handle, int sizeClass) {
    this.handle = handle;
    this.sizeClass = sizeClass;
    this.address = handle.raw();
  }

  long bytes() {
    return SizeClasses.bytes(sizeClass);
  }
}
