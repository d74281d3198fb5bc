package dev.sluice.bindings;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;

/**
 * The one owner of a native handle: a pointer or number that a native library gave and wants back
 * once. Counted by the {@link HandleLedger} while it is open.
 *
 * <p>Closing twice is safe and says nothing; any use after close throws and names the handle. Where
 * the library refuses to take the handle back, the log says so, and the handle stays open: the
 * ledger goes on counting it, and a later close tries again.
 *
 * <p>A use between {@link #enter} and {@link #leave} and a close on another thread do not overlap:
 * the close waits for the uses that are going on, and a use that begins later throws. A use waits
 * for nothing, so uses may be nested. One word holds both: the number of uses, and a bit from the
 * begin of the close on.
 *
 * <p>Thread safety: any thread. {@link #close} may race with itself, and frees once; the caller
 * that comes second does not wait. A use by {@link #raw} alone is not waited for: that is for its
 * owner to arrange.
 */
public final class NativeHandle implements AutoCloseable {
  private static final VarHandle USES;

  /** The bit of {@link #uses} that a close sets: the sign. */
  private static final int CLOSED = Integer.MIN_VALUE;

  private static final System.Logger LOG = System.getLogger(NativeHandle.class.getName());

  static {
    try {
      USES = MethodHandles.lookup().findVarHandle(NativeHandle.class, "uses", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String kind;
  private final String label;
  private final long raw;
  private final LongConsumer release;
  private final Object ledgerEntry;

  /** How many uses are going on; negative once a close has begun. */
  private volatile int uses;

  /** The thread that waits for the last use; written by the one that set {@link #CLOSED}. */
  private volatile Thread closer;

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
   * @param release gives the handle back to the library; throws a {@link NativeException} where the
   *     library refuses, and nothing else
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
    if (uses < 0) {
      throw usedAfterClose();
    }
    return raw;
  }

  /**
   * Begins a use, which {@link #leave} ends; a close waits for it. Takes no heap memory.
   *
   * @return the handle, valid until then
   * @throws IllegalStateException when it was closed
   */
  public long enter() {
    int now;
    do {
      now = uses;
      if (now < 0) {
        throw usedAfterClose();
      }
    } while (!USES.compareAndSet(this, now, now + 1));
    return raw;
  }

  /** Ends a use. Takes no heap memory. */
  public void leave() {
    if ((int) USES.getAndAdd(this, -1) == CLOSED + 1) {
      LockSupport.unpark(closer);
    }
  }

  private IllegalStateException usedAfterClose() {
    return new IllegalStateException(
        this + " was used after it was closed; keep it open as long as anything uses it");
  }

  /** Whether {@link #close} was not called yet, or the library refused it. */
  public boolean isOpen() {
    return uses >= 0;
  }

  /** Waits for the uses that are going on, and gives the handle back. Not for a use of its own. */
  @Override
  public void close() {
    if ((int) USES.getAndBitwiseOr(this, CLOSED) < 0) {
      return;
    }
    awaitUses();
    try {
      release.accept(raw);
    } catch (NativeException e) {
      LOG.log(System.Logger.Level.WARNING, this + " was not given back: " + e.getMessage());
      // Nobody has entered since, so this opens it again.
      uses = 0;
      return;
    }
    HandleLedger.closed(kind, ledgerEntry);
  }

  private void awaitUses() {
    // Written before the count is read, as leave lowers the count before it reads this.
    closer = Thread.currentThread();
    boolean interrupted = false;
    while (uses != CLOSED) {
      LockSupport.park(this);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public String toString() {
    return label.isEmpty()
        ? kind + "@" + Long.toHexString(raw)
        : kind + "@" + Long.toHexString(raw) + " (" + label + ")";
  }
}
