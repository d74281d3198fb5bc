package dev.sluice.bindings.sim;

/**
 * A device's memory account, its primary context and its default pool.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class SimDevice {
  final int ordinal;
  final long totalBytes;
  final SimPool defaultPool;
  long usedBytes;
  SimContext primary;
  int primaryRetained;
  int primaryFlags;

  SimDevice(int ordinal, long totalBytes) {
    this.ordinal = ordinal;
    this.totalBytes = totalBytes;
    this.defaultPool = new SimPool(this, true);
  }

  long freeBytes() {
    return totalBytes - usedBytes;
  }

  /** Takes memory, or refuses. */
  boolean take(long sizeBytes) {
    if (sizeBytes > freeBytes()) {
      return false;
    }
    usedBytes += sizeBytes;
    return true;
  }
}
