package dev.sluice.bindings.tensorrt;

import java.lang.foreign.MemorySegment;
import org.bytedeco.javacpp.Pointer;

/**
 * A pointer to memory that somebody else owns, which can be pointed elsewhere. JavaCPP does not
 * track it.
 *
 * <p>Thread safety: one thread at a time.
 */
final class Address extends Pointer {
  Address() {}

  Address(long address) {
    this.address = address;
  }

  /**
   * The begin of a segment, which its owner keeps open as long as this is used.
   *
   * @throws IllegalArgumentException where it lies on the heap
   */
  static Address of(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException(
          "TensorRT takes native memory alone; allocate the segment by an Arena");
    }
    return new Address(segment.address());
  }

  /** Points elsewhere. */
  Address at(long newAddress) {
    address = newAddress;
    return this;
  }
}
