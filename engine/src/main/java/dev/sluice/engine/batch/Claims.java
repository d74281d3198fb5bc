package dev.sluice.engine.batch;

import dev.sluice.engine.Admission;
import dev.sluice.engine.InferenceException;
import dev.sluice.engine.InferenceException.Reason;
import dev.sluice.engine.Priority;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.ShapeKey;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;

/**
 * The claim protocol as the public API uses it: claim, submit, wait, cancel, release, close. What
 * each step does to a batch is in {@link Batch} and {@link Slot}, who runs it in {@link
 * Dispatcher}.
 *
 * <p>Thread safety: any thread; one slot by one thread at a time, but for {@link #cancel}.
 */
public final class Claims {
  private static final System.Logger LOG = System.getLogger(Claims.class.getName());

  private static final int SERVING = 0;
  private static final int CLOSING = 1;
  private static final int CLOSED = 2;

  /** How often close looks whether the requests in flight have ended. */
  private static final long CLOSE_POLL_NS = 200_000;

  private final Backend backend;
  private final BatchOptions options;
  private final Dispatcher dispatcher;
  private final Watchdog watchdog;
  private final AtomicInteger pendingRows;

  /** Whether a claim was refused by {@link #pendingRows} since this was last asked. */
  private volatile boolean pendingRefused;

  private final Refusals refusals = new Refusals();
  private final Object closeLock = new Object();
  private volatile int state = SERVING;
  private final AtomicBoolean freed = new AtomicBoolean();

  /** A virtual thread that seems to be alone makes sure once in so many claims. */
  static final int LOOK_FOR_COMPANY = 64;

  /** A caller's place in the line of those that wait for admission; one per handle. */
  public static final class Ticket {
    final Admissions.Node node = new Admissions.Node();
    private Admission refusal;

    /**
     * Whether the last submit went to a callback: then somebody else runs it, together with others.
     */
    private boolean async;

    /** Claims of a virtual thread that knew of no company. */
    private int claims;

    /** Which buffer for one alone this had last; at first one that is unlikely to be another's. */
    int soloPosition = System.identityHashCode(this) & Integer.MAX_VALUE;

    /** Why the last claim with this ticket was refused. */
    public Admission refusal() {
      return refusal;
    }

    private Slot refuse(Admission reason) {
      refusal = reason;
      return null;
    }
  }

  /**
   * Opens the lanes; the backend stays the caller's until this succeeds, then it is closed with
   * this.
   */
  public Claims(Backend backend, BatchOptions options) throws BackendException {
    this.backend = backend;
    this.options = options;
    this.dispatcher = new Dispatcher(backend, options);
    this.pendingRows = options.maxPendingRows() == Integer.MAX_VALUE ? null : new AtomicInteger();
    dispatcher.afterRecycle(this::freeIfIdle);
    this.watchdog = new Watchdog(dispatcher);
    watchdog.start();
  }

  /**
   * The queue of this shape, whose batches are allocated at the first call.
   *
   * @throws InferenceException where {@code maxQueues} shapes are in use, or the engine is closed
   * @throws BackendException where the device has no memory for it
   */
  public BatchQueue queue(ShapeKey key) throws BackendException {
    BatchQueue found = find(key);
    if (found != null) {
      return found;
    }
    synchronized (closeLock) {
      found = find(key);
      if (found != null) {
        return found;
      }
      if (state != SERVING) {
        throw new InferenceException(Admission.CLOSED);
      }
      if (dispatcher.queues().length >= options.maxQueues()) {
        throw new IllegalStateException(
            "this engine already serves "
                + options.maxQueues()
                + " shapes; raise EngineOptions.maxShapes, or pad the inputs to fewer shapes. Refused: "
                + key);
      }
      return dispatcher.addQueue(key);
    }
  }

  /** Makes the lanes ready for a shape; only before the first claim. */
  public void prepare(BatchQueue queue) throws BackendException {
    dispatcher.prepare(queue);
  }

  private BatchQueue find(ShapeKey key) {
    for (BatchQueue queue : dispatcher.queues()) {
      if (queue.key().equals(key)) {
        return queue;
      }
    }
    return null;
  }

  /**
   * Claims rows without waiting.
   *
   * @param deadlineNs of the engine's clock; {@link Long#MAX_VALUE} for none
   * @return the slot, or null: {@link Ticket#refusal} says why
   */
  public Slot tryClaim(
      BatchQueue queue, int rows, Priority priority, long deadlineNs, Ticket ticket) {
    if (queue.mustQueue(priority)) {
      return refuse(ticket, Admission.QUEUED_BEHIND);
    }
    return claimNow(queue, rows, priority, deadlineNs, ticket);
  }

  private Slot refuse(Ticket ticket, Admission reason) {
    refusals.count(reason);
    return ticket.refuse(reason);
  }

  private Slot claimNow(
      BatchQueue queue, int rows, Priority priority, long deadlineNs, Ticket ticket) {
    if (rows < 1 || rows > queue.maxRows()) {
      throw new IllegalArgumentException(
          "a request has 1 to "
              + queue.maxRows()
              + " rows (it never spans two batches), but this one has "
              + rows);
    }
    if (state != SERVING) {
      return refuse(ticket, Admission.CLOSED);
    }
    if (deadlineNs != Long.MAX_VALUE && deadlineNs - options.clock().nanoTime() <= 0) {
      return refuse(ticket, Admission.EXPIRED);
    }
    Admission refusal = dispatcher.refusal();
    if (refusal != null) {
      return refuse(ticket, refusal);
    }
    if (!takePending(rows)) {
      return refuse(ticket, Admission.PENDING_LIMIT);
    }
    while (true) {
      Slot slot = claimRows(queue, rows, ticket);
      if (slot == null) {
        undoPending(rows);
        return refuse(ticket, Admission.FULL);
      }
      if (occupy(slot, priority, deadlineNs)) {
        if (state != SERVING) {
          release(slot);
          return refuse(ticket, Admission.CLOSED);
        }
        return slot;
      }
      leaveLate(slot);
    }
  }

  private static Slot claimRows(BatchQueue queue, int rows, Ticket ticket) {
    Slot slot = rows == 1 && prefersSolo(queue, ticket) ? queue.claimSolo(ticket) : null;
    return slot == null ? queue.claim(rows) : slot;
  }

  /**
   * To a platform thread, waiting for others would cost more than a run that is so short that there
   * are buffers for one alone; to a virtual one sharing is cheap where there is company. It looks
   * for some now and then.
   */
  private static boolean prefersSolo(BatchQueue queue, Ticket ticket) {
    if (ticket.async) {
      return false;
    }
    return !Thread.currentThread().isVirtual()
        || (!queue.hasCompany() && ++ticket.claims % LOOK_FOR_COMPANY != 0);
  }

  /** S1; false where the watchdog was faster. */
  private boolean occupy(Slot slot, Priority priority, long deadlineNs) {
    Batch batch = slot.batch;
    long nowNs = dispatcher.nowNs(batch);
    batch.claimedAt(nowNs);
    if (priority == Priority.HIGH) {
      batch.high = true;
    }
    if (deadlineNs != Long.MAX_VALUE) {
      batch.irregular = true;
    }
    slot.claimNs = nowNs;
    slot.deadlineNs = deadlineNs;
    slot.owner = Thread.currentThread();
    if (options.recordClaimSites()) {
      slot.claimSite = new Throwable("claimed here");
    }
    return slot.moveState(Slot.IDLE, Slot.CLAIMED);
  }

  private boolean takePending(int rows) {
    if (pendingRows == null) {
      return true;
    }
    if (tryTakePending(rows)) {
      return true;
    }
    // Says so, then looks again: pairs with undoPending.
    pendingRefused = true;
    return tryTakePending(rows);
  }

  private boolean tryTakePending(int rows) {
    while (true) {
      int before = pendingRows.get();
      if (before > options.maxPendingRows() - rows) {
        return false;
      }
      if (pendingRows.compareAndSet(before, before + rows)) {
        return true;
      }
    }
  }

  /**
   * Gives back what was taken for a claim that then found no batch. Wakes only if that kept
   * somebody out: a caller in the line would else wake itself, and spin.
   */
  private void undoPending(int rows) {
    if (pendingRows != null) {
      pendingRows.addAndGet(-rows);
      if (pendingRefused) {
        pendingRefused = false;
        dispatcher.wakeClaims();
      }
    }
  }

  private void givePending(int rows) {
    if (pendingRows != null) {
      pendingRows.addAndGet(-rows);
      dispatcher.wakeClaims();
    }
  }

  /**
   * Claims rows, waiting for admission for up to {@code timeoutNs}.
   *
   * @return the slot, or null: {@link Ticket#refusal} says why
   */
  public Slot claim(
      BatchQueue queue, int rows, Priority priority, long deadlineNs, Ticket ticket, long timeoutNs)
      throws InterruptedException {
    if (!queue.mustQueue(priority)) {
      Slot slot = claimNow(queue, rows, priority, deadlineNs, ticket);
      if (slot != null || !worthWaiting(ticket.refusal)) {
        return slot;
      }
    }
    long untilNs = options.clock().nanoTime() + timeoutNs;
    queue.admissions().enqueue(ticket.node, priority);
    try {
      admitIfAllowed(queue, rows);
      return waitForAdmission(queue, rows, priority, deadlineNs, ticket, untilNs);
    } finally {
      if (queue.admissions().leave(ticket.node)) {
        queue.admit(Admissions.FAN_OUT);
      }
    }
  }

  private Slot waitForAdmission(
      BatchQueue queue, int rows, Priority priority, long deadlineNs, Ticket ticket, long untilNs)
      throws InterruptedException {
    while (true) {
      if (Thread.interrupted()) {
        throw new InterruptedException("interrupted while waiting for admission");
      }
      long leftNs = untilNs - options.clock().nanoTime();
      if (ticket.node.isTold()) {
        // Before the claim: a caller that holds rows must not be held up by others.
        queue.admit(Admissions.FAN_OUT);
      }
      boolean told = ticket.node.takeGo();
      if (told || state != SERVING || dispatcher.failure() != null) {
        Slot slot = claimNow(queue, rows, priority, deadlineNs, ticket);
        if (slot != null || !worthWaiting(ticket.refusal)) {
          return slot;
        }
      }
      if (told) {
        queue.admissions().requeue(ticket.node);
        admitIfAllowed(queue, rows);
      } else if (leftNs > 0) {
        LockSupport.parkNanos(this, leftNs);
      }
      if (leftNs <= 0) {
        return refuse(ticket, Admission.TIMED_OUT);
      }
    }
  }

  /**
   * Who came into the line looks once more: room and limits may have changed before. Not where a
   * limit keeps it out, for it would tell itself, and spin.
   */
  private void admitIfAllowed(BatchQueue queue, int rows) {
    if (dispatcher.refusal() != Admission.QUARANTINED
        && (pendingRows == null || pendingRows.get() <= options.maxPendingRows() - rows)) {
      queue.admit(1);
    }
  }

  private static boolean worthWaiting(Admission refusal) {
    return refusal == Admission.FULL
        || refusal == Admission.PENDING_LIMIT
        || refusal == Admission.QUARANTINED;
  }

  /**
   * Submits and waits; the calling thread may run the batch itself.
   *
   * @return the slot's terminal state; never ABANDONED, which throws
   * @throws InterruptedException where the wait was interrupted and the request is thereby
   *     cancelled; a caller that leads, or has rows in device memory, finishes first and keeps its
   *     interrupt
   * @throws InferenceException with reason ABANDONED; the slot is still to be released
   */
  public int submitAndWait(Slot slot) throws InterruptedException {
    boolean virtual = Thread.currentThread().isVirtual();
    boolean pins = virtual && !dispatcher.runsAreShort();
    boolean mayLead = !pins || dispatcher.mayPinCarrier();
    boolean ended;
    try {
      ended = submitAndLead(slot, virtual, mayLead);
    } finally {
      if (pins && mayLead) {
        dispatcher.pinsNoMore();
      }
    }
    if (!ended) {
      await(slot);
    }
    return slot.state();
  }

  /** Whether the request has ended; else somebody else runs its batch. */
  private boolean submitAndLead(Slot slot, boolean virtual, boolean mayLead) {
    slot.owner = Thread.currentThread();
    publish(slot);
    Batch batch = slot.batch;
    if (mayLead && dispatcher.leadSolo(batch)) {
      return true;
    }
    boolean gathers = slot.index == 0 && batch.queue().gathers(virtual);
    int lane = dispatcher.submitted(slot, mayLead ? batch : null, gathers);
    if (lane >= 0) {
      dispatcher.lead(lane, batch);
      return true;
    }
    return gathers && slot.state() == Slot.OK;
  }

  /**
   * Submits; the callback runs on the executor of callbacks once the slot's state is terminal.
   *
   * @param ticket with which it was claimed: the next claim with it shares a batch
   * @throws InferenceException with reason ABANDONED; the slot is still to be released
   */
  public void submit(Slot slot, Runnable callback, Ticket ticket) {
    ticket.async = true;
    slot.callback = callback;
    slot.registerWaiter(Slot.Mark.ASYNC);
    publish(slot);
    dispatcher.submitted(slot, null, false);
  }

  /** S2. */
  private void publish(Slot slot) {
    if (slot.batch.timed && slot.index == 0) {
      slot.submitNs = options.clock().nanoTime();
    }
    if (!slot.moveState(Slot.CLAIMED, Slot.SUBMITTED)) {
      int was = slot.state();
      if (was != Slot.ABANDONED) {
        throw new IllegalStateException("submit takes a claimed request, but this is " + slot);
      }
      throw abandoned();
    }
  }

  private InferenceException abandoned() {
    return new InferenceException(
        Reason.ABANDONED,
        "the rows were claimed and not submitted within claimTimeout ("
            + options.claimTimeoutNs() / 1_000_000
            + " ms); the batch ran without them: claim anew, and write the inputs faster, or raise"
            + " EngineOptions.claimTimeout",
        null);
  }

  /** Waits for the end of a submitted slot. */
  void await(Slot slot) throws InterruptedException {
    Thread me = Thread.currentThread();
    Batch batch = slot.batch;
    boolean interrupted = false;
    boolean gaveUp = false;
    slot.registerWaiter(me);
    while (slot.state() == Slot.SUBMITTED) {
      if (Thread.interrupted()) {
        interrupted = true;
        batch.irregular = true;
        gaveUp = !slot.onDevice && slot.moveState(Slot.SUBMITTED, Slot.CANCELLED);
        continue;
      }
      LockSupport.park(this);
    }
    if (!slot.deregisterWaiter(me) && slot.waiter() == Slot.Mark.FANOUT) {
      dispatcher.wakeTree(batch, 2 * slot.index + 1);
      dispatcher.wakeTree(batch, 2 * slot.index + 2);
    }
    if (gaveUp) {
      throw new InterruptedException("interrupted while waiting for the batch; cancelled");
    }
    if (interrupted) {
      me.interrupt();
    }
  }

  /**
   * Waits until the batch of a claim has run, or ended without a run: the caller was abandoned, but
   * its device memory may be in use.
   */
  public void awaitRun(Slot slot) {
    while (Batch.phase(slot.batch.word()) != Batch.DONE) {
      LockSupport.parkNanos(this, CLOSE_POLL_NS);
    }
  }

  /**
   * S6: cancels a request that waits, from any thread. Its row may still run; so one with rows in
   * device memory is not cancelled.
   *
   * @param round the generation that the caller's handle carries
   * @return whether this call ended the request
   */
  public boolean cancel(Slot slot, long round) {
    long observed = slot.stateWord();
    if (observed != Slot.word(round, Slot.SUBMITTED)) {
      return false;
    }
    // Read before the CAS: after it, the slot may be another request's.
    Runnable callback = slot.callback;
    Thread owner = slot.owner;
    if (slot.onDevice) {
      return false;
    }
    slot.batch.irregular = true;
    if (!slot.moveStateFrom(observed, Slot.CANCELLED)) {
      return false;
    }
    if (callback != null) {
      dispatcher.callBack(callback);
    } else {
      LockSupport.unpark(owner);
    }
    return true;
  }

  /** S7, or the end of a claim that was never submitted. The slot is not the caller's after it. */
  public void release(Slot slot) {
    int rows = slot.rows;
    Batch batch = slot.batch;
    while (true) {
      int was = slot.state();
      switch (was) {
        case Slot.CLAIMED -> {
          batch.irregular = true;
          if (slot.moveState(was, Slot.RELEASED)) {
            dispatcher.releaseUnsubmitted(batch);
            givePending(rows);
            return;
          }
        }
        case Slot.SUBMITTED -> {
          batch.irregular = true;
          slot.moveState(was, Slot.CANCELLED);
        }
        case Slot.ABANDONED, Slot.OVERDUE -> {
          leaveLate(slot);
          givePending(rows);
          return;
        }
        default -> {
          if (slot.moveState(was, Slot.RELEASED)) {
            dispatcher.release(batch);
            givePending(rows);
            return;
          }
        }
      }
    }
  }

  /** A late holder comes back. */
  private void leaveLate(Slot slot) {
    Batch batch = slot.batch;
    int was = slot.state();
    slot.moveState(was, Slot.RELEASED);
    if (batch.removeLateHolder()) {
      dispatcher.quarantined().decrementAndGet();
    }
    dispatcher.release(batch);
    dispatcher.wakeClaims();
  }

  /** What the engine failed with for good; null while it serves. */
  public Throwable failure() {
    return dispatcher.failure();
  }

  /** Whether {@link #close} was called. */
  public boolean closed() {
    return state != SERVING;
  }

  /** Batches held by late callers. */
  public int quarantined() {
    return Math.max(0, dispatcher.quarantined().get());
  }

  /** Lanes that can run batches. */
  public int usableLanes() {
    return dispatcher.usableLanes();
  }

  /** Refused claims by reason. */
  public long refused(Admission reason) {
    return refusals.of(reason);
  }

  /**
   * Adds up what was measured since this was opened.
   *
   * @param sums by {@link Stage}
   * @param runsByRows runs by their rows, up to the most of a batch
   */
  public void addStats(Map<Stage, Histogram> sums, long[] runsByRows) {
    dispatcher.addStats(sums, runsByRows);
  }

  /** One sweep of the watchdog, for tests that bring their own clock. */
  void sweep(long nowNs) {
    watchdog.sweep(nowNs);
  }

  Dispatcher dispatcher() {
    return dispatcher;
  }

  /**
   * Refuses new claims, waits for the requests in flight, fails what is left after {@code
   * drainTimeout}, and frees everything once nobody holds a request any more; the last holder does
   * it where that is later.
   *
   * @return false where it was closed before
   */
  public boolean close() {
    synchronized (closeLock) {
      if (state == CLOSED) {
        return false;
      }
      state = CLOSING;
      dispatcher.endClaims();
      long untilNs = options.clock().nanoTime() + options.drainTimeoutNs();
      boolean interrupted = false;
      while (!idle() && untilNs - options.clock().nanoTime() > 0) {
        dispatcher.endClaims();
        interrupted |= Thread.interrupted();
        LockSupport.parkNanos(this, CLOSE_POLL_NS);
      }
      if (!idle()) {
        watchdog.abandonAll();
        dispatcher.fail(
            new InferenceException(
                Reason.CLOSED, "the engine closed before this request ran", null));
      }
      watchdog.stop();
      state = CLOSED;
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    freeIfIdle();
    return true;
  }

  private boolean idle() {
    for (BatchQueue queue : dispatcher.queues()) {
      if (!queue.isIdle()) {
        return false;
      }
    }
    return true;
  }

  /**
   * After {@link #close}: frees lanes, memory and backend if nobody holds a request any more.
   *
   * @return whether all is freed
   */
  public boolean freeIfIdle() {
    if (state != CLOSED) {
      return false;
    }
    if (idle() && freed.compareAndSet(false, true)) {
      dispatcher.closeLanes();
      for (Batch batch : dispatcher.batches()) {
        free(batch.memory());
      }
      free(backend);
    }
    return freed.get();
  }

  /** Whoever closes the last request hears nothing of it, and what fails keeps no other open. */
  private static void free(AutoCloseable resource) {
    try {
      resource.close();
    } catch (Exception e) {
      LOG.log(System.Logger.Level.ERROR, resource + " could not be freed", e);
    }
  }

  /** The state of the engine and of every batch that is not free, for messages. */
  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder(state == SERVING ? "serving" : state == CLOSING ? "closing" : "closed");
    text.append(", idle lanes ").append(dispatcher.idleLanes());
    for (Batch batch : dispatcher.batches()) {
      if (Batch.phase(batch.word()) != Batch.FREE) {
        text.append("; ").append(batch.describe());
      }
    }
    return text.toString();
  }
}
