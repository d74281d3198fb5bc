package dev.sluice.engine.memory;

/**
 * Device memory for work in a stream. Belongs to its caller, who takes and closes it as often as
 * needed; neither takes heap memory once the pool has what it needs.
 *
 * <p>Thread safety: any thread may look; take and close one after the other.
 */
public final class DeviceLease extends Lease implements AutoCloseable {
  private final StreamMemory memory;

  DeviceLease(StreamMemory memory, String label) {
    super(memory, label);
    this.memory = memory;
  }

  /**
   * Takes memory for work that is enqueued in the stream from now on. What it holds is not defined.
   *
   * @param bytes 0 to 2^42
   * @return this
   * @throws IllegalStateException where this is taken already, or the stream's memory is closed
   * @throws MemoryExhaustedException where there is no memory left
   */
  public DeviceLease take(long bytes) {
    memory.take(this, bytes);
    return this;
  }

  /**
   * The {@code CUdeviceptr}, a multiple of 256.
   *
   * @throws IllegalStateException where it is not taken
   */
  public long address() {
    return held().address;
  }

  /**
   * How many bytes were asked for.
   *
   * @throws IllegalStateException where it is not taken
   */
  public long sizeBytes() {
    held();
    return sizeBytes;
  }

  /** Gives the memory back in the order of the stream. Closing twice does nothing. */
  @Override
  public void close() {
    memory.release(this);
  }
}
