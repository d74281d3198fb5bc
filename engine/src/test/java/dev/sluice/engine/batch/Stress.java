package dev.sluice.engine.batch;

import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.List;

/**
 * What the stress tests start from: batches without memory, brought to the state where the race
 * begins.
 *
 * <p>The tests are the nested classes of the {@code *Stress} classes, next to each a {@code
 * Broken...} variant: a small copy of the step under test with one thing wrong, graded by the same
 * outcomes, which must show a forbidden one. A state class keeps its fields itself: the harness
 * reuses an object whose class declares none.
 */
final class Stress {
  private Stress() {}

  /** A free batch of {@code maxRows} rows that is opened. */
  static Batch open(int maxRows) {
    Batch batch = new Batch(0, null, new NoMemory(maxRows), maxRows, null);
    batch.open(false);
    return batch;
  }

  /** A full batch of one-row requests, all submitted, that runs: what is left is B8 and B9. */
  static Batch running(int rows) {
    Batch batch = open(rows);
    for (int i = 0; i < rows; i++) {
      batch.tryClaim(1);
      submit(batch, i);
    }
    batch.start();
    return batch;
  }

  static void submit(Batch batch, int slot) {
    batch.slot(slot).moveState(Slot.IDLE, Slot.CLAIMED);
    batch.slot(slot).moveState(Slot.CLAIMED, Slot.SUBMITTED);
    batch.writerDone();
  }

  /** A queue that never has to call its dispatcher: every request has one row. */
  static BatchQueue queue(int batches, int maxRows) {
    return queue(batches, maxRows, 0);
  }

  /** The same with buffers that callers take for themselves. */
  static BatchQueue queue(int batches, int maxRows, int soloBuffers) {
    List<BatchMemory> memories = Collections.nCopies(batches, new NoMemory(maxRows));
    BatchQueue.SoloBuffer solo = new BatchQueue.SoloBuffer(new NoMemory(1), null);
    return new BatchQueue(
        null,
        new ShapeKey(List.of(Shape.of(1))),
        0,
        memories,
        maxRows,
        Collections.nCopies(soloBuffers, solo),
        new TypicalRun());
  }

  /** Runs the batch of this queue whose every row is claimed, up to B8. */
  static void runToDone(Batch batch) {
    for (int i = 0; i < Batch.slots(batch.word()); i++) {
      submit(batch, i);
    }
    batch.start();
    batch.finish();
  }

  /** Memory that nobody may touch. */
  static BatchMemory memory(int maxRows) {
    return new NoMemory(maxRows);
  }

  static int bit(boolean value) {
    return value ? 1 : 0;
  }

  /** Sizes without memory. */
  private record NoMemory(int maxRows) implements BatchMemory {
    private static UnsupportedOperationException none() {
      return new UnsupportedOperationException("this batch has no memory");
    }

    @Override
    public ShapeKey key() {
      throw none();
    }

    @Override
    public MemorySegment input(int index) {
      throw none();
    }

    @Override
    public long inputRowBytes(int index) {
      throw none();
    }

    @Override
    public boolean fixedOutputs() {
      return true;
    }

    @Override
    public MemorySegment output(int index) {
      throw none();
    }

    @Override
    public long outputRowBytes(int index) {
      throw none();
    }

    @Override
    public Shape outputShape(int index) {
      throw none();
    }

    @Override
    public void setStrings(int index, String[] values) {
      throw none();
    }

    @Override
    public String[] strings(int index) {
      throw none();
    }

    @Override
    public void close() {}
  }
}
