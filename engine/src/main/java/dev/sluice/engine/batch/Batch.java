package dev.sluice.engine.batch;

import dev.sluice.engine.backend.BatchMemory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One batch buffer and the word that decides its fate. Transitions B1 to B10 of {@code
 * docs/claim-protocol.md} are the methods of this class, one atomic step each; what follows from
 * them is the dispatcher's business.
 *
 * <p>Layout of the word, low bits first: pending 13, live 13, slots 13, rows 13, phase 3.
 *
 * <p>Thread safety: any thread, within the protocol.
 */
public final class Batch {
  /** Most rows of a batch: what 13 bits hold, with a margin. */
  public static final int MAX_ROWS = 4096;

  static final int FREE = 0;
  static final int OPEN = 1;
  static final int SEALED = 2;
  static final int RUNNING = 3;
  static final int DONE = 4;

  /** {@link #tryClaim}: the batch takes claims, but not of so many rows. */
  static final int NO_ROOM = -1;

  /** {@link #tryClaim}: the batch takes no claims. */
  static final int NOT_OPEN = -2;

  private static final int BITS = 13;
  private static final long MASK = (1L << BITS) - 1;
  private static final long ONE_PENDING = 1L;
  private static final long ONE_LIVE = 1L << BITS;
  private static final long ONE_SLOT = 1L << (2 * BITS);
  private static final long ONE_ROW = 1L << (3 * BITS);
  private static final long ONE_PHASE = 1L << (4 * BITS);

  private static final VarHandle WORD;
  private static final VarHandle GENERATION;
  private static final VarHandle FIRST_CLAIM_NS;
  private static final VarHandle HIGH;
  private static final VarHandle IRREGULAR;
  private static final VarHandle GATHERING;
  private static final VarHandle DUE;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      WORD = lookup.findVarHandle(Batch.class, "word", long.class);
      GENERATION = lookup.findVarHandle(Batch.class, "generation", long.class);
      FIRST_CLAIM_NS = lookup.findVarHandle(Batch.class, "firstClaimNs", long.class);
      HIGH = lookup.findVarHandle(Batch.class, "high", boolean.class);
      IRREGULAR = lookup.findVarHandle(Batch.class, "irregular", boolean.class);
      GATHERING = lookup.findVarHandle(Batch.class, "gathering", boolean.class);
      DUE = lookup.findVarHandle(Batch.class, "due", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int index;
  private final int maxRows;
  private final BatchQueue queue;
  private final BatchMemory memory;
  private final LaneRunner soloRunner;
  private final Slot[] slots;
  private final RowViews inputs;
  private final RowViews outputs;
  private final AtomicInteger lateHolders = new AtomicInteger();
  private volatile long word;
  private volatile long generation;

  /** When the first row of this round was claimed; for order and age. */
  volatile long firstClaimNs;

  /** Whether a high-priority claim is in this round. */
  volatile boolean high;

  /** Whether some slot may have to be skipped: a deadline, a cancellation, an abandonment. */
  volatile boolean irregular;

  /** Written by the runner before it completes the slots. */
  Throwable failure;

  /** Where the run was measured; null where this round had none. */
  LaneStats ranOn;

  /** Whether the owner of the first slot lets others claim before it runs the batch. */
  volatile boolean gathering;

  /** Whether the first lane that is idle runs it, as it is by then; it takes claims meanwhile. */
  volatile boolean due;

  /** Whether this round is measured stage by stage; written by the opener. */
  boolean timed;

  long startNs;
  long doneNs;

  /**
   * A batch.
   *
   * @param soloRunner of a buffer that callers take for themselves; null of one that they share
   */
  Batch(int index, BatchQueue queue, BatchMemory memory, int maxRows, LaneRunner soloRunner) {
    if (maxRows < 1 || maxRows > MAX_ROWS) {
      throw new IllegalArgumentException(
          "a batch has 1 to " + MAX_ROWS + " rows, but maxRows is " + maxRows);
    }
    this.index = index;
    this.queue = queue;
    this.memory = memory;
    this.soloRunner = soloRunner;
    this.maxRows = maxRows;
    this.slots = new Slot[maxRows];
    for (int i = 0; i < maxRows; i++) {
      slots[i] = new Slot(this, i);
    }
    this.inputs = new RowViews(maxRows, memory::input, memory::inputRowBytes, true);
    this.outputs =
        new RowViews(maxRows, memory::output, memory::outputRowBytes, memory.fixedOutputs());
  }

  /** The number of this batch among those of its engine. */
  public int index() {
    return index;
  }

  /** Input and output memory. */
  public BatchMemory memory() {
    return memory;
  }

  /**
   * Rows {@code start} to {@code start + rows} of an input; allocates at the first such call only.
   */
  public MemorySegment inputRows(int input, int start, int rows) {
    return inputs.rows(input, start, rows);
  }

  /** Rows {@code start} to {@code start + rows} of an output. */
  public MemorySegment outputRows(int output, int start, int rows) {
    return outputs.rows(output, start, rows);
  }

  /** The number of the round; a handle is valid in one round only. */
  public long generation() {
    return generation;
  }

  /** What the run failed with; null where it did not. Valid for a holder of a completed slot. */
  public Throwable failure() {
    return failure;
  }

  BatchQueue queue() {
    return queue;
  }

  /** Whether this round's times are those of the sweep before them, up to an interval early. */
  boolean isCoarse() {
    return soloRunner != null && !timed;
  }

  /** Where its only caller runs it without a lane; null of a batch that callers share. */
  LaneRunner soloRunner() {
    return soloRunner;
  }

  Slot slot(int slotIndex) {
    return slots[slotIndex];
  }

  int maxRows() {
    return maxRows;
  }

  long word() {
    return word;
  }

  static int phase(long word) {
    return (int) (word >>> (4 * BITS));
  }

  static int pending(long word) {
    return (int) (word & MASK);
  }

  static int live(long word) {
    return (int) ((word >>> BITS) & MASK);
  }

  static int slots(long word) {
    return (int) ((word >>> (2 * BITS)) & MASK);
  }

  static int rows(long word) {
    return (int) ((word >>> (3 * BITS)) & MASK);
  }

  private static long withPhase(long word, int phase) {
    return (word & (ONE_PHASE - 1)) | phase * ONE_PHASE;
  }

  /** B1: FREE to OPEN, by the thread that took this batch from the free set. */
  void open(boolean timedRound) {
    renew(timedRound);
    word = OPEN * ONE_PHASE;
  }

  /** B1S: FREE to SEALED with one claim of one row, by the thread that took it from its set. */
  Slot openSolo(boolean timedRound) {
    renew(timedRound);
    slots[0].startRow = 0;
    slots[0].rows = 1;
    word = SEALED * ONE_PHASE + ONE_ROW + ONE_SLOT + ONE_LIVE + ONE_PENDING;
    return slots[0];
  }

  /** What the stores of the word publish needs no fence of its own. */
  private void renew(boolean timedRound) {
    failure = null;
    ranOn = null;
    HIGH.set(this, false);
    IRREGULAR.set(this, false);
    GATHERING.set(this, false);
    DUE.set(this, false);
    FIRST_CLAIM_NS.set(this, 0L);
    memory.forgetDeviceRows();
    long round = generation + 1;
    timed = timedRound;
    for (Slot slot : slots) {
      slot.reset(round);
    }
    GENERATION.setRelease(this, round);
  }

  /** Notes when this round's first row was claimed; a claim's next step publishes it. */
  void claimedAt(long nowNs) {
    if (firstClaimNs == 0) {
      FIRST_CLAIM_NS.setRelease(this, nowNs == 0 ? 1 : nowNs);
    }
  }

  /** B1': back to FREE where nobody has claimed; false where somebody has. */
  boolean tryWithdraw() {
    return WORD.compareAndSet(this, OPEN * ONE_PHASE, FREE * ONE_PHASE);
  }

  /**
   * B2 and B3: claims {@code n} rows in one step; seals the batch where that fills it.
   *
   * @return the slot's index, {@link #NO_ROOM} or {@link #NOT_OPEN}
   */
  int tryClaim(int n) {
    while (true) {
      long before = word;
      if (phase(before) != OPEN) {
        return NOT_OPEN;
      }
      int first = rows(before);
      if (first + n > maxRows) {
        return NO_ROOM;
      }
      long after = before + n * ONE_ROW + ONE_SLOT + ONE_LIVE + ONE_PENDING;
      if (first + n == maxRows) {
        after = withPhase(after, SEALED);
      }
      if (WORD.compareAndSet(this, before, after)) {
        int slotIndex = slots(before);
        slots[slotIndex].startRow = first;
        slots[slotIndex].rows = n;
        return slotIndex;
      }
    }
  }

  /**
   * B4: OPEN to SEALED.
   *
   * @return whether the caller now owns the ready event: it sealed the batch and nobody is writing
   */
  boolean seal() {
    while (true) {
      long before = word;
      if (phase(before) != OPEN || rows(before) == 0) {
        return false;
      }
      if (WORD.compareAndSet(this, before, withPhase(before, SEALED))) {
        return pending(before) == 0;
      }
    }
  }

  /** B5: one writer less; true where the caller now owns the ready event. */
  boolean writerDone() {
    long after = (long) WORD.getAndAdd(this, -ONE_PENDING) - ONE_PENDING;
    return phase(after) == SEALED && pending(after) == 0;
  }

  /** B5 with B9 for a claim that is closed without a submit; true: the ready event is yours. */
  boolean writerGone() {
    long after = (long) WORD.getAndAdd(this, -(ONE_PENDING + ONE_LIVE)) - (ONE_PENDING + ONE_LIVE);
    return phase(after) == SEALED && pending(after) == 0;
  }

  /** B6: OPEN, claimed and nobody writing, to RUNNING in one step. */
  boolean tryStart() {
    long before = word;
    return phase(before) == OPEN
        && pending(before) == 0
        && rows(before) > 0
        && WORD.compareAndSet(this, before, withPhase(before, RUNNING));
  }

  /** B6': OPEN, claimed and every claim closed, to RUNNING: there is nothing to run. */
  boolean tryStartDead() {
    long before = word;
    return phase(before) == OPEN
        && live(before) == 0
        && rows(before) > 0
        && WORD.compareAndSet(this, before, withPhase(before, RUNNING));
  }

  /** B7: SEALED to RUNNING, by the thread that took this batch from the ready set. */
  void start() {
    WORD.getAndAdd(this, ONE_PHASE);
  }

  /** B8: RUNNING to DONE; true where no holder is left and the caller must recycle. */
  boolean finish() {
    long after = (long) WORD.getAndAdd(this, ONE_PHASE) + ONE_PHASE;
    return live(after) == 0;
  }

  /** B9: one holder less; true where the batch is done and the caller must recycle. */
  boolean release() {
    long after = (long) WORD.getAndAdd(this, -ONE_LIVE) - ONE_LIVE;
    return phase(after) == DONE && live(after) == 0;
  }

  /** B10: DONE to FREE. */
  void free() {
    WORD.setRelease(this, FREE * ONE_PHASE);
  }

  /** A holder became late; true where it is the first of this batch. */
  boolean addLateHolder() {
    return lateHolders.getAndIncrement() == 0;
  }

  /** A late holder came back; true where it was the last of this batch. */
  boolean removeLateHolder() {
    return lateHolders.decrementAndGet() == 0;
  }

  /** This batch with the states of its slots. */
  String describe() {
    StringBuilder text = new StringBuilder(toString());
    for (int i = 0; i < slots(word); i++) {
      text.append(' ').append(Slot.stateName(slots[i].state()));
    }
    return text.toString();
  }

  @Override
  public String toString() {
    long w = word;
    return "batch "
        + index
        + " (phase "
        + phase(w)
        + ", rows "
        + rows(w)
        + " of "
        + maxRows
        + ", slots "
        + slots(w)
        + ", live "
        + live(w)
        + ", pending "
        + pending(w)
        + ")";
  }
}
