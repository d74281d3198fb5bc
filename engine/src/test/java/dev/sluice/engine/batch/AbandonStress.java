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

/** S2 against S3, in one round and across rounds. */
public final class AbandonStress {
  private AbandonStress() {}

  /** Whether the owner submitted, whether the watchdog abandoned; writers left. */
  @Outcome(
      id = {"1, 0, 0", "0, 1, 0"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "both ended the claim, or neither")
  public static class AbandonMeta {}

  /** The owner submits while the watchdog abandons. */
  @JCStressTest
  @JCStressMeta(AbandonMeta.class)
  @State
  public static class Abandon {
    private final Batch batch = Stress.open(2);
    private final Slot slot;

    public Abandon() {
      slot = batch.slot(batch.tryClaim(1));
      slot.moveState(Slot.IDLE, Slot.CLAIMED);
    }

    @Actor
    public void owner(III_Result r) {
      if (slot.moveState(Slot.CLAIMED, Slot.SUBMITTED)) {
        batch.writerDone();
        r.r1 = 1;
      }
    }

    @Actor
    public void watchdog(III_Result r) {
      long observed = slot.stateWord();
      if (Slot.code(observed) == Slot.CLAIMED && slot.moveStateFrom(observed, Slot.ABANDONED)) {
        batch.writerDone();
        r.r2 = 1;
      }
    }

    @Arbiter
    public void writers(III_Result r) {
      r.r3 = Batch.pending(batch.word());
    }
  }

  /** Both look, then store. */
  @JCStressTest
  @JCStressMeta(AbandonMeta.class)
  @State
  public static class BrokenAbandon {
    private final AtomicInteger state = new AtomicInteger(Slot.CLAIMED);
    private final AtomicInteger pending = new AtomicInteger(1);

    private int end(int as) {
      if (state.get() != Slot.CLAIMED) {
        return 0;
      }
      state.set(as);
      pending.decrementAndGet();
      return 1;
    }

    @Actor
    public void owner(III_Result r) {
      r.r1 = end(Slot.SUBMITTED);
    }

    @Actor
    public void watchdog(III_Result r) {
      r.r2 = end(Slot.ABANDONED);
    }

    @Arbiter
    public void writers(III_Result r) {
      r.r3 = pending.get();
    }
  }

  private static final long OLD_NS = 1;
  private static final long FRESH_NS = 100;

  /** When the claim that the watchdog abandoned was made; 0 where it abandoned none. */
  @Outcome(
      id = {"0", "1"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "a fresh claim was abandoned for an old one")
  public static class StaleMeta {}

  /** The watchdog sees an old claim; by the time that it acts, the slot is in its next round. */
  @JCStressTest
  @JCStressMeta(StaleMeta.class)
  @State
  public static class Stale {
    private final Batch batch = Stress.open(1);
    private final Slot slot = batch.slot(0);

    public Stale() {
      claim(OLD_NS);
    }

    private void claim(long atNs) {
      batch.tryClaim(1);
      slot.claimNs = atNs;
      slot.moveState(Slot.IDLE, Slot.CLAIMED);
    }

    @Actor
    public void owner() {
      if (slot.moveState(Slot.CLAIMED, Slot.SUBMITTED)) {
        batch.writerDone();
        batch.start();
        slot.moveState(Slot.SUBMITTED, Slot.OK);
        batch.finish();
        slot.moveState(Slot.OK, Slot.RELEASED);
        batch.release();
        batch.free();
        batch.open(false);
        claim(FRESH_NS);
      }
    }

    @Actor
    public void watchdog(I_Result r) {
      long observed = slot.stateWord();
      if (Slot.code(observed) == Slot.CLAIMED
          && slot.claimNs == OLD_NS
          && slot.moveStateFrom(observed, Slot.ABANDONED)) {
        r.r1 = (int) slot.claimNs;
      }
    }
  }

  /** The state does not say which round it is of. */
  @JCStressTest
  @JCStressMeta(StaleMeta.class)
  @State
  public static class BrokenStale {
    private final AtomicInteger state = new AtomicInteger(Slot.CLAIMED);
    private volatile long claimNs = OLD_NS;

    @Actor
    public void owner() {
      if (state.compareAndSet(Slot.CLAIMED, Slot.SUBMITTED)) {
        state.set(Slot.IDLE);
        claimNs = FRESH_NS;
        state.set(Slot.CLAIMED);
      }
    }

    @Actor
    public void watchdog(I_Result r) {
      if (state.get() == Slot.CLAIMED
          && claimNs == OLD_NS
          && state.compareAndSet(Slot.CLAIMED, Slot.ABANDONED)) {
        r.r1 = (int) claimNs;
      }
    }
  }
}
