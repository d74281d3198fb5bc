package dev.sluice.engine.memory;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Objects;

/**
 * Device memory for work in a stream. Belongs to its caller, who takes and closes it as often as
 * needed; neither takes heap memory once the pool has what it needs.
 *
 * <p>Thread safety: any thread may look; take and close one after the other.
 */
public final class DeviceLease implements AutoCloseable {
  private final StreamMemory memory;
  private final String label;

  /** Not null while it is taken. */
  volatile Block block;

  long sizeBytes;
  DeviceLease older;
  DeviceLease newer;
  Throwable site;

  DeviceLease(StreamMemory memory, String label) {
    this.memory = memory;
    this.label = Objects.requireNonNull(label, "label");
  }

  /**
   * Takes memory for work that is enqueued in the stream from now on. What it holds is not defined.
   *
   * @param bytes 0 to 2^42
   * @return this
   * @throws IllegalStateException where this is taken already, the stream's memory is closed, or
   *     the stream is capturing and has no block left
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
    Block held = block;
    if (held == null) {
      throw new IllegalStateException(this + " is not taken; take it before use");
    }
    return held.address;
  }

  /**
   * How many bytes were asked for.
   *
   * @throws IllegalStateException where it is not taken
   */
  public long sizeBytes() {
    long size = sizeBytes;
    if (block == null) {
      throw new IllegalStateException(this + " is not taken; take it before use");
    }
    return size;
  }

  String label() {
    return label;
  }

  String describe() {
    StringWriter text = new StringWriter();
    text.append(label).append(", ").append(Long.toString(sizeBytes)).append(" bytes");
    Throwable taken = site;
    if (taken != null) {
      text.append('\n');
      taken.printStackTrace(new PrintWriter(text));
    }
    return text.toString();
  }

  /** Gives the memory back in the order of the stream. Closing twice does nothing. */
  @Override
  public void close() {
    memory.release(this);
  }

  @Override
  public String toString() {
    return "the lease '" + label + "' of " + memory;
  }
}
