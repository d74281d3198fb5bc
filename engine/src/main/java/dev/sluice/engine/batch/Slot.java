package dev.sluice.engine.batch;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The place of one request in a batch. The states and who changes them are in {@code
 * docs/claim-protocol.md}.
 *
 * <p>Thread safety: plain fields are written by the owner before it publishes {@code state}, and
 * read by others after they saw it.
 */
public final class Slot {
  /** Nobody's, or claimed by a thread that has not said so yet. */
  public static final int IDLE = 0;

  /** The owner writes its inputs. */
  public static final int CLAIMED = 1;

  /** The owner waits for the run. */
  public static final int SUBMITTED = 2;

  /** The outputs are there. */
  public static final int OK = 3;

  /** The run failed, or the engine closed before it. */
  public static final int FAILED = 4;

  /** The deadline had passed when the batch closed. */
  public static final int EXPIRED = 5;

  /** Cancelled. */
  public static final int CANCELLED = 6;

  /** Not submitted within {@code claimTimeout}. */
  public static final int ABANDONED = 7;

  /** The outputs are there, and held for longer than {@code readTimeout}. */
  public static final int OVERDUE = 8;

  /** The owner is done with it. */
  public static final int RELEASED = 9;

  /** What {@code waiter} holds besides a parked thread. */
  enum Mark {
    /** The answer goes to a callback. */
    ASYNC,
    /** Told alone: nobody else depends on this waiter. */
    NOTIFIED,
    /** Told as the root of its subtree, which it has to tell. */
    FANOUT
  }

  private static final VarHandle STATE;
  private static final VarHandle WAITER;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      STATE = lookup.findVarHandle(Slot.class, "state", long.class);
      WAITER = lookup.findVarHandle(Slot.class, "waiter", Object.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final Batch batch;
  final int index;

  /** Round of the batch in the high bits, state in the low four. */
  private volatile long state = RELEASED;

  private volatile Object waiter;

  int startRow;
  int rows;
  long claimNs;
  long submitNs;
  long deadlineNs;
  Thread owner;
  Runnable callback;
  Throwable claimSite;

  /**
   * Whether rows lie in device memory of the owner's, which is in use until the run is over. The
   * owner writes it, then looks whether it was abandoned; the runner looks the other way round.
   */
  volatile boolean onDevice;

  private Object handle;

  Slot(Batch batch, int index) {
    this.batch = batch;
    this.index = index;
  }

  /** The batch that this slot belongs to. */
  public Batch batch() {
    return batch;
  }

  /** The present state, of whatever round. */
  public int state() {
    return code(state);
  }

  /** The present state where the slot is still in this round, else {@link #RELEASED}. */
  public int stateIn(long round) {
    long now = state;
    return now >>> 4 == round ? code(now) : RELEASED;
  }

  long stateWord() {
    return state;
  }

  static int code(long stateWord) {
    return (int) (stateWord & 15);
  }

  /** The first row of the request. */
  public int startRow() {
    return startRow;
  }

  /** Rows of the request. */
  public int rows() {
    return rows;
  }

  /** A handle that the API keeps with this slot for scoped calls, made once. */
  public Object handle() {
    return handle;
  }

  /** Sets what {@link #handle} returns. */
  public void handle(Object value) {
    handle = value;
  }

  /**
   * The owner has rows of the run in device memory of its own: from now on it can't be cancelled.
   */
  public void onDevice() {
    onDevice = true;
  }

  /** Moves on within the present round; for the owner, and for who has the batch to itself. */
  boolean moveState(int from, int to) {
    long now = state;
    return code(now) == from && STATE.compareAndSet(this, now, now - from + to);
  }

  /** Moves on from exactly this observed word: a later round of the slot is never hit. */
  boolean moveStateFrom(long observed, int to) {
    return STATE.compareAndSet(this, observed, observed - code(observed) + to);
  }

  /** The state word of {@code code} in {@code round}. */
  static long word(long round, int code) {
    return (round << 4) | code;
  }

  /** Makes the slot ready for a new round; only by the thread that opens the batch. */
  void reset(long round) {
    callback = null;
    claimSite = null;
    if (onDevice) {
      onDevice = false;
    }
    submitNs = 0;
    WAITER.set(this, null);
    STATE.set(this, word(round, IDLE));
  }

  Object waiter() {
    return waiter;
  }

  boolean registerWaiter(Object value) {
    return WAITER.compareAndSet(this, null, value);
  }

  boolean deregisterWaiter(Object value) {
    return WAITER.compareAndSet(this, value, null);
  }

  Object notifyWaiter(Object mark) {
    return WAITER.getAndSet(this, mark);
  }

  /** The name of a state, for messages. */
  static String stateName(int state) {
    return switch (state) {
      case IDLE -> "idle";
      case CLAIMED -> "claimed";
      case SUBMITTED -> "submitted";
      case OK -> "ok";
      case FAILED -> "failed";
      case EXPIRED -> "expired";
      case CANCELLED -> "cancelled";
      case ABANDONED -> "abandoned";
      case OVERDUE -> "overdue";
      case RELEASED -> "released";
      default -> "state " + state;
    };
  }

  @Override
  public String toString() {
    return "slot " + index + " of batch " + batch.index() + " (" + stateName(state()) + ")";
  }
}
