package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaConstants;

/**
 * A stream-ordered memory pool's account. It reserves whole granules of the device, hands parts of
 * them out, and gives what is over its release threshold back when somebody synchronises.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimPool {
  /** Physical memory is mapped in pages of this size on current devices. */
  static final long GRANULE_BYTES = 2L << 20;

  final SimDevice device;
  final boolean isDefault;
  long handle;
  boolean destroyed;
  private final int[] reuse = {0, 1, 1, 1};
  private long thresholdBytes;
  private long usedBytes;
  private long usedHighBytes;
  private long reservedBytes;
  private long reservedHighBytes;

  SimPool(SimDevice device, boolean isDefault) {
    this.device = device;
    this.isDefault = isDefault;
  }

  boolean allocate(long sizeBytes) {
    long wanted = roundUp(usedBytes + sizeBytes);
    if (wanted > reservedBytes) {
      if (!device.take(wanted - reservedBytes)) {
        return false;
      }
      reservedBytes = wanted;
      reservedHighBytes = Math.max(reservedHighBytes, reservedBytes);
    }
    usedBytes += sizeBytes;
    usedHighBytes = Math.max(usedHighBytes, usedBytes);
    return true;
  }

  void free(long sizeBytes) {
    usedBytes -= sizeBytes;
    if (destroyed) {
      trimTo(0);
    }
  }

  /** What a synchronisation does. */
  void releaseOverThreshold() {
    trimTo(thresholdBytes);
  }

  void trimTo(long keepBytes) {
    // The threshold may be all ones: as much as there is.
    long keep = keepBytes < 0 || keepBytes > reservedBytes ? reservedBytes : roundUp(keepBytes);
    long kept = Math.min(reservedBytes, Math.max(roundUp(usedBytes), keep));
    device.usedBytes -= reservedBytes - kept;
    reservedBytes = kept;
  }

  /** One {@code CU_MEMPOOL_ATTR_*}. */
  long attribute(int attribute) {
    return switch (attribute) {
      case CudaConstants.CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES,
          CudaConstants.CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC,
          CudaConstants.CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES ->
          reuse[attribute];
      case CudaConstants.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD -> thresholdBytes;
      case CudaConstants.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT -> reservedBytes;
      case CudaConstants.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH -> reservedHighBytes;
      case CudaConstants.CU_MEMPOOL_ATTR_USED_MEM_CURRENT -> usedBytes;
      case CudaConstants.CU_MEMPOOL_ATTR_USED_MEM_HIGH -> usedHighBytes;
      default -> throw SimulatedCuda.invalid("pool attribute " + attribute);
    };
  }

  /** Whether an attribute is an {@code int}; the others are {@code cuuint64_t}. */
  static boolean isInt(int attribute) {
    return attribute >= CudaConstants.CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES
        && attribute <= CudaConstants.CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES;
  }

  void setAttribute(int attribute, long value) {
    switch (attribute) {
      case CudaConstants.CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES,
          CudaConstants.CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC,
          CudaConstants.CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES ->
          reuse[attribute] = (int) value;
      case CudaConstants.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD -> thresholdBytes = value;
      case CudaConstants.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH -> {
        requireZero(value);
        reservedHighBytes = reservedBytes;
      }
      case CudaConstants.CU_MEMPOOL_ATTR_USED_MEM_HIGH -> {
        requireZero(value);
        usedHighBytes = usedBytes;
      }
      default -> throw SimulatedCuda.invalid("pool attribute " + attribute + " can't be set");
    }
  }

  private static void requireZero(long value) {
    if (value != 0) {
      throw SimulatedCuda.invalid("a high-water mark can only be set to 0");
    }
  }

  private static long roundUp(long bytes) {
    return (bytes + GRANULE_BYTES - 1) / GRANULE_BYTES * GRANULE_BYTES;
  }
}
