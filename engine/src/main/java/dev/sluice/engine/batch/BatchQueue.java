package dev.sluice.engine.batch;

import dev.sluice.engine.Priority;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.ShapeKey;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The batches of one shape key: at most one of them is open for claims, some are free, the others
 * are on their way. All of a queue's memory is allocated when it is made.
 *
 * <p>Thread safety: any thread.
 */
public final class BatchQueue {
  private static final long NONE = -1;

  /** Eight buffers for one alone share a word of their set. */
  private static final int SOLO_SHIFT = 3;

  private final Dispatcher dispatcher;
  private final ShapeKey key;
  private final TypicalRun typicalRun;
  private final int maxRows;
  private final int firstIndex;

  /** Those that callers share, then those that a caller has to itself. */
  private final Batch[] batches;

  private final int shared;
  private final IndexSet free;
  private final IndexSet freeSolo;
  private final Admissions admissions = new Admissions();

  /**
   * Version in the high half, position in {@link #batches} in the low half; the version lets a
   * compare-and-set tell a batch that was reopened from one that still is.
   */
  private final AtomicLong open = new AtomicLong(NONE & 0xFFFFFFFFL);

  /** Rows that recent batches had; racy by design, see {@link BatchPolicy#expect}. */
  private volatile int expectedRows = 1;

  BatchQueue(
      Dispatcher dispatcher,
      ShapeKey key,
      int firstIndex,
      List<BatchMemory> memories,
      int maxRows,
      List<SoloBuffer> solo,
      TypicalRun typicalRun) {
    this.typicalRun = typicalRun;
    this.dispatcher = dispatcher;
    this.key = key;
    this.firstIndex = firstIndex;
    this.maxRows = maxRows;
    this.shared = memories.size();
    this.batches = new Batch[shared + solo.size()];
    this.free = new IndexSet(shared);
    this.freeSolo = IndexSet.spread(solo.size(), SOLO_SHIFT);
    for (int i = 0; i < shared; i++) {
      batches[i] = new Batch(firstIndex + i, this, memories.get(i), maxRows, null);
      free.add(i);
    }
    for (int i = 0; i < solo.size(); i++) {
      SoloBuffer one = solo.get(i);
      batches[shared + i] = new Batch(firstIndex + shared + i, this, one.memory(), 1, one.runner());
      freeSolo.add(i);
    }
  }

  /**
   * A buffer of one row that a caller takes for itself, and what runs it. Nobody waits for one: who
   * finds none shares a batch.
   */
  record SoloBuffer(BatchMemory memory, LaneRunner runner) {}

  /** The shape of each input for one row. */
  public ShapeKey key() {
    return key;
  }

  /** Most rows of one request. */
  public int maxRows() {
    return maxRows;
  }

  /** Memory of one of the batches: all have the same sizes. */
  public BatchMemory anyMemory() {
    return batches[0].memory();
  }

  /** Rows that the next batch may have. */
  int expectedRows() {
    return expectedRows;
  }

  /** Learns from a run. */
  void expect(int rows) {
    int before = expectedRows;
    int after = BatchPolicy.expect(before, rows);
    if (after != before) {
      expectedRows = after;
    }
  }

  Admissions admissions() {
    return admissions;
  }

  Batch[] batches() {
    return batches;
  }

  /** The batch that takes claims, or did so last; null before the first claim. */
  Batch openBatch() {
    int position = (int) open.get();
    return position < 0 ? null : batches[position];
  }

  /**
   * Claims a buffer of one row for the caller alone; null where none is free.
   *
   * @param ticket who has one near the caller's last does not meet the other callers
   */
  Slot claimSolo(Claims.Ticket ticket) {
    int position = freeSolo.takeNear(ticket.soloPosition);
    if (position < 0) {
      return null;
    }
    ticket.soloPosition = position;
    Batch batch = batches[shared + position];
    return batch.openSolo(typicalRun.times(batch.generation() + 1));
  }

  /** Whether a virtual thread that claims a row now is likely to share its run. */
  boolean hasCompany() {
    return expectedRows > 1 || openRows() > 0;
  }

  /**
   * Whether the caller whose row is a batch's first lets others go first, which may claim in it,
   * before it runs it: where it has company, and where runs are so short that a virtual thread
   * would else keep its carrier for ever.
   */
  boolean gathers(boolean virtual) {
    return maxRows > 1 && (expectedRows > 1 || (virtual && batches.length > shared));
  }

  /** Rows claimed in the open batch; -1 where none is open. */
  private int openRows() {
    Batch batch = openBatch();
    long word = batch == null ? 0 : batch.word();
    return Batch.phase(word) == Batch.OPEN ? Batch.rows(word) : -1;
  }

  /**
   * Claims rows in the open batch, opening another where it is full.
   *
   * @return the slot, or null where no batch is free
   */
  Slot claim(int rows) {
    while (true) {
      long seen = open.get();
      int position = (int) seen;
      if (position >= 0) {
        Batch batch = batches[position];
        int slot = batch.tryClaim(rows);
        if (slot >= 0) {
          return batch.slot(slot);
        }
        if (slot == Batch.NO_ROOM && batch.seal()) {
          dispatcher.ready(batch);
        }
      }
      if (!openAnother(seen, rows)) {
        return null;
      }
    }
  }

  /**
   * Opens a free batch in place of what {@code seen} names, of which the caller is about to claim
   * {@code rows}; false where none is free.
   */
  private boolean openAnother(long seen, int rows) {
    int position = free.take();
    if (position < 0) {
      return open.get() != seen;
    }
    Batch batch = batches[position];
    batch.open(typicalRun.times(batch.generation() + 1));
    if (open.compareAndSet(seen, ((seen >>> 32) + 1) << 32 | position)) {
      // Who looked while it was neither free nor open was refused, and may be in the line by now.
      admit(Admissions.FAN_OUT, rows);
    } else if (batch.tryWithdraw()) {
      putFree(position);
    } else if (batch.seal()) {
      dispatcher.ready(batch);
    }
    return true;
  }

  /** B10: takes a batch back that is done and that nobody holds. */
  void recycle(Batch batch) {
    batch.free();
    putFree(batch.index() - firstIndex);
  }

  private void putFree(int position) {
    if (position < shared) {
      free.add(position);
      admit(Admissions.FAN_OUT);
    } else {
      freeSolo.add(position - shared);
    }
  }

  /** Rows that claims may find now; whoever makes more of them looks at the line afterwards. */
  private int room() {
    int room = free.size() * maxRows;
    int open = openRows();
    return open >= 0 ? room + maxRows - open : room;
  }

  /**
   * Whether a newcomer would overtake a caller that waits, or take the rows of one that was told.
   */
  boolean mustQueue(Priority priority) {
    if (admissions.isBehind(priority)) {
      return true;
    }
    int told = admissions.told();
    return told > 0 && room() <= told;
  }

  /** Tells callers in the line that they may try, at most {@code count} and no more than fit. */
  void admit(int count) {
    admit(count, 0);
  }

  private void admit(int count, int taken) {
    if (!admissions.isEmpty()) {
      admissions.wake(count, room() - taken);
    }
  }

  /** Whether every batch is free, or open with nothing claimed. */
  boolean isIdle() {
    for (Batch batch : batches) {
      long word = batch.word();
      int phase = Batch.phase(word);
      if (phase != Batch.FREE && !(phase == Batch.OPEN && Batch.slots(word) == 0)) {
        return false;
      }
    }
    return true;
  }
}
