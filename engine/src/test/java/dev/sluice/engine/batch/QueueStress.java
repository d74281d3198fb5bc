package dev.sluice.engine.batch;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressMeta;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** The open batch of a queue: who opens which, and that none is lost. */
public final class QueueStress {
  private QueueStress() {}

  /** Whether each claimer got a row; rows that are left. */
  @Outcome(id = "1, 1, 1", expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "a batch was lost, or claimed twice")
  public static class OpenMeta {}

  /** Two claimers, no open batch, three free ones. */
  @JCStressTest
  @JCStressMeta(OpenMeta.class)
  @State
  public static class Open {
    private final BatchQueue queue = Stress.queue(3, 1);

    @Actor
    public void one(III_Result r) {
      r.r1 = Stress.bit(queue.claim(1) != null);
    }

    @Actor
    public void two(III_Result r) {
      r.r2 = Stress.bit(queue.claim(1) != null);
    }

    @Arbiter
    public void left(III_Result r) {
      while (queue.claim(1) != null) {
        r.r3++;
      }
    }
  }

  /** The loser of the open reference forgets the batch that it opened. */
  @JCStressTest
  @JCStressMeta(OpenMeta.class)
  @State
  public static class BrokenOpen {
    private final UnversionedQueue queue = new UnversionedQueue(3, 1, false);

    @Actor
    public void one(III_Result r) {
      r.r1 = Stress.bit(queue.claim());
    }

    @Actor
    public void two(III_Result r) {
      r.r2 = Stress.bit(queue.claim());
    }

    @Arbiter
    public void left(III_Result r) {
      while (queue.claim()) {
        r.r3++;
      }
    }
  }

  /** Batches that are open where no lane and no claimer looks. */
  @Outcome(id = "0", expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "a batch is open and the queue does not know it")
  public static class ReopenMeta {}

  /** One claimer replaces a done batch, another reopens that batch at the same time. */
  @JCStressTest
  @JCStressMeta(ReopenMeta.class)
  @State
  public static class Reopen {
    private final BatchQueue queue = Stress.queue(2, 2);
    private final Batch done;

    public Reopen() {
      done = queue.claim(1).batch();
      queue.claim(1);
      Stress.runToDone(done);
      done.release();
    }

    @Actor
    public void claimer() {
      queue.claim(1);
    }

    @Actor
    public void recycler() {
      if (done.release()) {
        queue.recycle(done);
      }
      queue.claim(1);
    }

    @Arbiter
    public void stranded(I_Result r) {
      for (Batch batch : queue.batches()) {
        r.r1 += Stress.bit(Batch.phase(batch.word()) == Batch.OPEN && batch != queue.openBatch());
      }
    }
  }

  /** The open reference has no version. */
  @JCStressTest
  @JCStressMeta(ReopenMeta.class)
  @State
  public static class BrokenReopen {
    private final UnversionedQueue queue = new UnversionedQueue(2, 2, true);
    private final Batch done;

    public BrokenReopen() {
      queue.claim();
      queue.claim();
      done = queue.openBatch();
      Stress.runToDone(done);
      done.release();
    }

    @Actor
    public void claimer() {
      queue.claim();
    }

    @Actor
    public void recycler() {
      if (done.release()) {
        queue.recycle(done);
      }
      queue.claim();
    }

    @Arbiter
    public void stranded(I_Result r) {
      for (Batch batch : queue.batches) {
        r.r1 += Stress.bit(Batch.phase(batch.word()) == Batch.OPEN && batch != queue.openBatch());
      }
    }
  }

  /** {@link BatchQueue} with an open reference that cannot tell two rounds of a batch. */
  private static final class UnversionedQueue {
    private final Batch[] batches;
    private final IndexSet free;
    private final boolean withdraws;
    private final AtomicInteger open = new AtomicInteger(-1);

    UnversionedQueue(int count, int maxRows, boolean withdraws) {
      this.batches = Stress.queue(count, maxRows).batches();
      this.free = new IndexSet(count);
      this.withdraws = withdraws;
      for (int i = 0; i < count; i++) {
        free.add(i);
      }
    }

    Batch openBatch() {
      return batches[open.get()];
    }

    boolean claim() {
      while (true) {
        int seen = open.get();
        if (seen >= 0 && batches[seen].tryClaim(1) >= 0) {
          return true;
        }
        int position = free.take();
        if (position < 0) {
          if (open.get() == seen) {
            return false;
          }
          continue;
        }
        batches[position].open(false);
        if (!open.compareAndSet(seen, position) && withdraws && batches[position].tryWithdraw()) {
          free.add(position);
        }
      }
    }

    void recycle(Batch batch) {
      batch.free();
      free.add(batch.index());
    }
  }
}
