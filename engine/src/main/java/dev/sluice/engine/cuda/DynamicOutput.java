package dev.sluice.engine.cuda;

import dev.sluice.bindings.tensorrt.TensorRtApi.OutputAllocator;
import dev.sluice.engine.Shape;
import dev.sluice.engine.memory.DeviceLease;

/**
 * Device memory for an output whose shape depends on data: as large as a run asks for, and kept for
 * the next one.
 *
 * <p>Thread safety: the lane's.
 */
final class DynamicOutput implements OutputAllocator, AutoCloseable {
  private final DeviceLease lease;
  private long heldBytes;
  private Shape shape;

  DynamicOutput(DeviceLease lease) {
    this.lease = lease;
  }

  @Override
  public long reallocate(long currentAddress, long sizeBytes, long alignment, long stream) {
    if (sizeBytes > heldBytes) {
      heldBytes = 0;
      lease.close();
      lease.take(sizeBytes);
      heldBytes = sizeBytes;
    }
    long address = lease.address();
    if (address % alignment != 0) {
      throw new IllegalStateException(
          lease + " is at no multiple of " + alignment + ", which TensorRT asks for");
    }
    return address;
  }

  @Override
  public void notifyShape(long... dims) {
    shape = Shape.of(dims);
  }

  /** The shape of the last run, forgotten by this. */
  Shape takeShape() {
    Shape told = shape;
    shape = null;
    if (told == null || !told.isStatic()) {
      throw new IllegalStateException("TensorRT did not tell the shape of " + lease);
    }
    return told;
  }

  long address() {
    return lease.address();
  }

  @Override
  public void close() {
    lease.close();
  }
}
