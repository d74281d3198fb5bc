package dev.sluice.engine.memory;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Objects;

/**
 * What leases of device and of pinned memory have in common.
 *
 * <p>Thread safety: guarded by the lock of whoever serves it; any thread may look whether it is
 * taken.
 */
abstract sealed class Lease permits DeviceLease, PinnedLease {
  private static final boolean CHECKED = Boolean.getBoolean("sluice.checked");

  private final Object pool;
  final String label;

  /** Not null while it is taken; written last. */
  volatile Block block;

  long sizeBytes;

  /** Neighbours in the list of what is live. */
  Lease older;

  Lease newer;
  private Throwable site;

  Lease(Object pool, String label) {
    this.pool = pool;
    this.label = Objects.requireNonNull(label, "label");
  }

  /** The class of a size that may be asked for. */
  final int sizeClass(long bytes) {
    if (bytes < 0 || bytes > SizeClasses.MAX_BYTES) {
      throw new IllegalArgumentException(
          this + ": " + bytes + " bytes; lease 0 to " + SizeClasses.MAX_BYTES);
    }
    return SizeClasses.of(Math.max(1, bytes));
  }

  /** The block, of a lease that has to be taken. */
  final Block held() {
    Block held = block;
    if (held == null) {
      throw new IllegalStateException(this + " is not taken; take it before use");
    }
    return held;
  }

  final void requireFree() {
    if (block != null) {
      throw new IllegalStateException(this + " is taken already: close it first");
    }
  }

  final void hold(Block taken, long bytes) {
    sizeBytes = bytes;
    if (CHECKED) {
      site = new Throwable("taken here");
    }
    block = taken;
  }

  final void letGo() {
    block = null;
    site = null;
  }

  /** What is leased, and in checked mode where it was taken. */
  final String describe() {
    StringWriter text = new StringWriter();
    text.append(label).append(", ").append(Long.toString(sizeBytes)).append(" bytes");
    Throwable taken = site;
    if (taken != null) {
      text.append('\n');
      taken.printStackTrace(new PrintWriter(text));
    }
    return text.toString();
  }

  @Override
  public final String toString() {
    return "the lease '" + label + "' of " + pool;
  }
}
