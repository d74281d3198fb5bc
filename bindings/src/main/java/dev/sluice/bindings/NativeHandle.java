package dev.sluice.bindings;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.function.LongConsumer;

/**
 * The one owner of a native handle: a pointer or number that a native library gave and wants back
 * once. Counted by the {@link HandleLedger} while it is open.
 *
 * <p>Closing twice is safe and says nothing; any use after close throws and names the handle.
 *
 * <p>Thread safety: {@link #close} may race with itself, and frees once. A handle is not closed
 * while a native call uses it: that is for its owner to arrange.
 */
public final class NativeHandle implements AutoCloseable {
  private static final VarHandle CLOSED;

  static {
    try {
      CLOSED = MethodHandles.lookup().findVarHandle(NativeHandle.class, "closed", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String kind;
  private final String label;
  private final long raw;
  private final LongConsumer release;
  private final Object ledgerEntry;

  @SuppressWarnings("unused") // through CLOSED
  private volatile boolean closed;

  private NativeHandle(String kind, String label, long raw, LongConsumer release) {
    this.kind = Objects.requireNonNull(kind, "kind");
    this.label = Objects.requireNonNull(label, "label");
    this.raw = raw;
    this.release = Objects.requireNonNull(release, "release");
    this.ledgerEntry = HandleLedger.opened(kind, label);
  }

  /**
   * Takes ownership of a handle.
   *
   * @param kind the library's type of the handle, as the ledger counts it: {@code OrtSession}
   * @param label tells this handle from others of its kind in messages; may be empty
   * @param raw the handle, not 0
   * @param release gives the handle back to the library; called once, must not throw
   * @throws IllegalArgumentException when {@code raw} is 0: the native call failed and its status
   *     was not checked
   */
  public static NativeHandle own(String kind, String label, long raw, LongConsumer release) {
    if (raw == 0) {
      throw new IllegalArgumentException(
          "a null " + kind + " can't be owned; check the status of the call that made it");
    }
    return new NativeHandle(kind, label, raw, release);
  }

  /**
   * The handle, for passing to the library.
   *
   * @throws IllegalStateException when it was closed
   */
  public long raw() {
    if (closed) {
      throw new IllegalStateException(
          this + " was used after it was closed; keep it open as long as anything uses it");
    }
    return raw;
  }

  /** Whether {@link #close} was not called yet. */
  public boolean isOpen() {
    return !closed;
  }

  @Override
  public void close() {
    if (CLOSED.compareAndSet(this, false, true)) {
      HandleLedger.closed(kind, ledgerEntry);
      release.accept(raw);
    }
  }

  @Override
  public String toString() {
    return label.isEmpty()
        ? kind + "@" + Long.toHexString(raw)
        : kind + "@" + Long.toHexString(raw) + " (" + label + ")";
  }
}
