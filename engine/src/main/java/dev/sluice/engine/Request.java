package dev.sluice.engine;

import dev.sluice.bindings.ScopedSegments;
import dev.sluice.engine.InferenceException.Reason;
import dev.sluice.engine.batch.Batch;
import dev.sluice.engine.batch.BatchQueue;
import dev.sluice.engine.batch.Claims;
import dev.sluice.engine.batch.Slot;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * A caller's handle to rows of a batch: claim, write, run or submit, read, close; then it can claim
 * again. It belongs to the caller, who makes it once ({@link Engine#newRequest}) and reuses it, so
 * that steady state allocates nothing; {@link Engine#claim} makes one per call.
 *
 * <p>Closing twice is safe. Memory that was got from a request must not be used after the claim
 * ended; with {@code -Dsluice.checked=true} such use throws, else it is undefined.
 *
 * <p>Thread safety: one thread at a time, but for {@link #cancel}, which any thread may call.
 */
public final class Request implements Inputs, Outputs, AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Request.class.getName());
  private static final VarHandle SLOT;
  private static final VarHandle ROUND;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      SLOT = lookup.findVarHandle(Request.class, "slot", Slot.class);
      ROUND = lookup.findVarHandle(Request.class, "round", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Padding padding;
  private final Engine engine;
  private final Claims claims;
  private final BatchQueue queue;
  private final boolean staged;
  private final Claims.Ticket ticket = new Claims.Ticket();
  private final Runnable callback = this::completed;
  private Priority priority = Priority.NORMAL;
  private long deadlineNs = Long.MAX_VALUE;
  private volatile Slot slot;
  private volatile long round;

  /** Set from submit until the receiver is told; the claim ends then, not before. */
  private volatile Completion completion;

  private Arena arena;
  private ImageRows[] images;

  /**
   * A handle.
   *
   * @param padding where the batch's rows are larger than this request's; else null
   */
  Request(Engine engine, BatchQueue queue, Padding padding) {
    this.padding = padding;
    this.engine = engine;
    this.claims = engine.claims();
    this.queue = queue;
    this.staged = !engine.stages().isEmpty();
  }

  /**
   * Sets the priority of the next claims; {@link Priority#NORMAL} at first.
   *
   * @return this
   */
  public Request priority(Priority value) {
    priority = value;
    return this;
  }

  /**
   * Sets a deadline for the next claim and its run: from now on, {@code Duration.ZERO} for none. A
   * request that is past it when its batch closes ends as {@link Reason#EXPIRED}.
   *
   * @return this
   */
  public Request deadlineIn(Duration time) {
    return deadlineAt(time.isZero() ? Long.MAX_VALUE : engine.nanoTime() + time.toNanos());
  }

  /**
   * Sets a deadline as a value of {@link System#nanoTime}; {@link Long#MAX_VALUE} for none.
   *
   * @return this
   */
  public Request deadlineAt(long nanoTime) {
    deadlineNs = nanoTime;
    return this;
  }

  /**
   * Claims rows, without waiting.
   *
   * @param rows 1 to {@link Engine#maxBatch}
   * @return {@link Admission#ADMITTED}, or why not
   * @throws IllegalStateException where this request holds a claim
   * @throws IllegalArgumentException where {@code rows} can never fit
   */
  public Admission tryClaim(int rows) {
    requireFree();
    return bind(claims.tryClaim(queue, rows, priority, deadlineNs, ticket));
  }

  /**
   * Claims rows, waiting for admission for up to {@code timeout}.
   *
   * @return {@link Admission#ADMITTED}, or why not
   * @throws InterruptedException where the calling thread is interrupted while it waits
   */
  public Admission claim(int rows, Duration timeout) throws InterruptedException {
    requireFree();
    return bind(claims.claim(queue, rows, priority, deadlineNs, ticket, Engine.toNanos(timeout)));
  }

  private void requireFree() {
    if (slot != null) {
      throw new IllegalStateException(
          "this request already holds rows; close it first, or use another: " + this);
    }
  }

  private Admission bind(Slot claimed) {
    if (claimed == null) {
      return ticket.refusal();
    }
    attach(claimed);
    return Admission.ADMITTED;
  }

  /** Takes over a claim that was made for it. */
  @SuppressWarnings("MustBeClosedChecker") // closed by detach
  void attach(Slot claimed) {
    // In this order for cancel; who calls that got this request by a way that publishes it.
    ROUND.setRelease(this, claimed.batch().generation());
    SLOT.setRelease(this, claimed);
    if (Engine.CHECKED) {
      arena = Arena.ofShared();
    }
  }

  /**
   * Submits and waits for the answer. The calling thread may run the batch itself.
   *
   * @return this, as the outputs
   * @throws InferenceException where there is no answer; the request is closed then
   * @throws InterruptedException where the wait was interrupted; the request is cancelled and
   *     closed. A caller that runs the batch, or has rows in device memory, finishes first
   */
  public Outputs run() throws InterruptedException {
    Slot mine = require();
    checkImages(mine);
    pad(mine);
    int state;
    try {
      state = claims.submitAndWait(mine);
    } catch (InferenceException | InterruptedException e) {
      close();
      throw e;
    }
    InferenceException failure = failure(mine, state);
    if (failure != null) {
      close();
      throw failure;
    }
    return this;
  }

  /** Only this request fails where an image's size makes no sense: its rows are not submitted. */
  private void checkImages(Slot mine) {
    if (staged && mine.stateIn(round) == Slot.CLAIMED) {
      String problem = engine.stages().problem(mine.batch().memory(), mine.startRow(), mine.rows());
      if (problem != null) {
        close();
        throw new InferenceException(Reason.BAD_INPUT, problem, null);
      }
    }
  }

  /**
   * Submits; {@code whenDone} is told on the executor of callbacks.
   *
   * @throws InferenceException with {@link Reason#ABANDONED} or {@link Reason#BAD_INPUT}; the
   *     request is closed then
   */
  public void submit(Completion whenDone) {
    Slot mine = require();
    checkImages(mine);
    pad(mine);
    completion = whenDone;
    try {
      claims.submit(mine, callback, ticket);
    } catch (InferenceException abandoned) {
      completion = null;
      close();
      throw abandoned;
    }
  }

  /**
   * Submits. The stage completes with this request, which the receiver must close after it read the
   * outputs, or with an {@link InferenceException}. Cancelling the stage cancels the request,
   * unless it has rows in device memory: take {@link #submit(Completion)} for these, which says
   * when the memory is free.
   */
  public CompletionStage<Request> submit() {
    CompletableFuture<Request> future = new CompletableFuture<>();
    CompletableFuture<Request> _ =
        future.whenComplete((request, thrown) -> {
          if (thrown instanceof CancellationException) {
            cancel();
          }
        });
    submit((request, failure) -> {
      if (failure != null) {
        future.completeExceptionally(failure);
      } else if (!future.complete(request)) {
        request.close();
      }
    });
    return future;
  }

  /** Fills what lies between this request's elements, whoever had the rows before. */
  private void pad(Slot mine) {
    if (padding != null && mine.stateIn(round) == Slot.CLAIMED) {
      padding.fill(mine.batch().memory(), mine.startRow(), mine.rows());
    }
  }

  private void completed() {
    Slot mine = slot;
    Completion told = completion;
    completion = null;
    InferenceException failure = failure(mine, mine.stateIn(round));
    if (failure != null) {
      close();
    }
    try {
      told.completed(this, failure);
    } catch (RuntimeException | Error e) {
      LOG.log(System.Logger.Level.ERROR, "a completion threw; its request is closed", e);
      close();
    }
  }

  private static InferenceException failure(Slot slot, int state) {
    return switch (state) {
      case Slot.OK, Slot.OVERDUE -> null;
      case Slot.FAILED -> {
        Throwable cause = slot.batch().failure();
        yield cause instanceof InferenceException closed && closed.reason() == Reason.CLOSED
            ? new InferenceException(Reason.CLOSED, closed.getMessage(), null)
            : new InferenceException(
                Reason.BACKEND_FAILED, "the run of this batch failed: " + cause, cause);
      }
      case Slot.EXPIRED ->
          new InferenceException(
              Reason.EXPIRED, "the deadline had passed when the batch closed", null);
      default -> new InferenceException(Reason.CANCELLED, "the request was cancelled", null);
    };
  }

  /**
   * Cancels a submitted request, from any thread: it ends as {@link Reason#CANCELLED}, though its
   * rows may still run. So one with {@link #deviceInput} or {@link #deviceOutput} is not cancelled:
   * the run may use its memory.
   *
   * @return whether this call ended it; false where it is not submitted, has ended, or has rows in
   *     device memory
   */
  public boolean cancel() {
    while (true) {
      Slot seen = slot;
      long seenRound = round;
      if (seen == null) {
        return false;
      }
      if (slot == seen) {
        return claims.cancel(seen, seenRound);
      }
    }
  }

  @Override
  public int rows() {
    return require().rows();
  }

  @Override
  public MemorySegment input(int index) {
    Slot mine = writable();
    return guard(mine.batch().inputRows(index, mine.startRow(), mine.rows()));
  }

  @Override
  public MemorySegment input(String name) {
    return input(engine.signature().inputIndex(name));
  }

  @Override
  public void write(int index, MemorySegment rows) {
    MemorySegment target = input(index);
    if (padding != null && padding.isPadded(index)) {
      padding.write(rows, index, target, rows());
    } else {
      requireSameSize(rows, target, "input", index);
      MemorySegment.copy(rows, 0, target, 0, rows.byteSize());
    }
  }

  private static void requireSameSize(
      MemorySegment rows, MemorySegment memory, String kind, int index) {
    if (rows.byteSize() != memory.byteSize()) {
      throw new IllegalArgumentException(
          "the rows of "
              + kind
              + " "
              + index
              + " are "
              + memory.byteSize()
              + " bytes, but these are "
              + rows.byteSize());
    }
  }

  @Override
  public void read(int index, MemorySegment rows) {
    MemorySegment source = output(index);
    if (padding != null && padding.isCut(index)) {
      padding.read(
          engine.signature().outputs().get(index).type(),
          require().batch().memory().outputShape(index),
          source,
          index,
          rows,
          rows());
    } else {
      requireSameSize(rows, source, "output", index);
      MemorySegment.copy(source, 0, rows, 0, rows.byteSize());
    }
  }

  @Override
  public ImageRows image(int index) {
    if (images == null) {
      images = new ImageRows[engine.signature().inputs().size()];
    }
    ImageRows rows = images[index];
    if (rows == null) {
      rows = ImageRows.of(this, engine.signature(), engine.stages(), index);
      images[index] = rows;
    }
    return rows;
  }

  @Override
  public ImageRows image(String name) {
    return image(engine.signature().inputIndex(name));
  }

  @Override
  public void strings(int index, String... values) {
    writable().batch().memory().setStrings(index, values);
  }

  @Override
  public void deviceInput(int index, MemorySegment device) {
    requireUnpadded(padding != null && padding.isPadded(index), "input", index);
    Slot mine = writable();
    mine.onDevice();
    mine.batch().memory().deviceInput(index, mine.startRow(), mine.rows(), device);
    requireInTime(mine);
  }

  @Override
  public void deviceOutput(int index, MemorySegment device) {
    requireUnpadded(padding != null && padding.isCut(index), "output", index);
    Slot mine = writable();
    mine.onDevice();
    mine.batch().memory().deviceOutput(index, mine.startRow(), mine.rows(), device);
    requireInTime(mine);
  }

  private static void requireUnpadded(boolean padded, String kind, int index) {
    if (padded) {
      throw new UnsupportedOperationException(
          kind + " " + index + " is padded on the host; device memory is taken where nothing is");
    }
  }

  /** A run that began while the rows were placed may use them: the caller hears of it after. */
  private void requireInTime(Slot mine) {
    if (mine.stateIn(round) != Slot.CLAIMED) {
      claims.awaitRun(mine);
      writable();
    }
  }

  @Override
  public MemorySegment output(int index) {
    Slot mine = readable();
    return guard(mine.batch().outputRows(index, mine.startRow(), mine.rows()));
  }

  @Override
  public MemorySegment output(String name) {
    return output(engine.signature().outputIndex(name));
  }

  @Override
  public Shape outputShape(int index) {
    Slot mine = readable();
    Shape one = mine.batch().memory().outputShape(index);
    if (padding != null) {
      one = padding.own(index, one);
    }
    return engine.batched() ? one.withDim(0, mine.rows()) : one;
  }

  @Override
  public String[] strings(int index) {
    return readable().batch().memory().strings(index);
  }

  private MemorySegment guard(MemorySegment segment) {
    return arena == null ? segment : ScopedSegments.within(segment, arena);
  }

  private Slot require() {
    Slot mine = slot;
    if (mine == null) {
      throw new IllegalStateException("this request holds no rows: claim first");
    }
    return mine;
  }

  private Slot writable() {
    Slot mine = require();
    int state = mine.stateIn(round);
    if (state == Slot.ABANDONED) {
      throw new InferenceException(
          Reason.ABANDONED, "the request was not submitted within claimTimeout; close it", null);
    }
    if (state != Slot.CLAIMED) {
      throw new IllegalStateException(
          "inputs are written between claim and submit, but this is " + this);
    }
    return mine;
  }

  private Slot readable() {
    Slot mine = require();
    int state = mine.stateIn(round);
    if (state != Slot.OK && state != Slot.OVERDUE) {
      throw new IllegalStateException(
          "outputs are read after the run and before close, but this is " + this);
    }
    return mine;
  }

  /**
   * Ends the claim, whatever its state: an unsubmitted one is withdrawn. An asynchronous one whose
   * receiver was not told yet is cancelled; its claim ends when the receiver is told.
   */
  @Override
  public void close() {
    Slot mine = slot;
    if (mine == null) {
      return;
    }
    if (completion != null) {
      cancel();
      return;
    }
    detach();
    claims.release(mine);
  }

  private void detach() {
    SLOT.setRelease(this, null);
    Arena open = arena;
    if (open != null) {
      arena = null;
      open.close();
    }
  }

  /** The batch that the rows are in; for tests. */
  Batch batch() {
    return require().batch();
  }

  @Override
  public String toString() {
    Slot mine = slot;
    return mine == null ? "request without rows" : "request in " + mine;
  }
}
