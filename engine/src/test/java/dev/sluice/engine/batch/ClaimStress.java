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
import org.openjdk.jcstress.infra.results.II_Result;

/** B1 to B3: claims in one batch, and the batch that its opener takes back. */
public final class ClaimStress {
  private ClaimStress() {}

  /** Slots of the two claimers; whether the word adds up. */
  @Outcome(
      id = {"0, 1, 1", "1, 0, 1"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "two claims share rows, or the word does not add up")
  public static class ClaimMeta {}

  /** Two claims that fill a batch together. */
  @JCStressTest
  @JCStressMeta(ClaimMeta.class)
  @State
  public static class Claim {
    private final Batch batch = Stress.open(3);

    @Actor
    public void one(III_Result r) {
      r.r1 = batch.tryClaim(1);
    }

    @Actor
    public void two(III_Result r) {
      r.r2 = batch.tryClaim(2);
    }

    @Arbiter
    public void sum(III_Result r) {
      long word = batch.word();
      int second = batch.slot(0).rows;
      r.r3 =
          Stress.bit(
              Batch.phase(word) == Batch.SEALED
                  && Batch.rows(word) == 3
                  && Batch.slots(word) == 2
                  && Batch.live(word) == 2
                  && Batch.pending(word) == 2
                  && batch.slot(0).startRow == 0
                  && batch.slot(1).startRow == second);
    }
  }

  /** The word is read, then written. */
  @JCStressTest
  @JCStressMeta(ClaimMeta.class)
  @State
  public static class BrokenClaim {
    private volatile int slots;
    private volatile int rows;

    private int claim(int n) {
      int slot = slots;
      int row = rows;
      slots = slot + 1;
      rows = row + n;
      return slot;
    }

    @Actor
    public void one(III_Result r) {
      r.r1 = claim(1);
    }

    @Actor
    public void two(III_Result r) {
      r.r2 = claim(2);
    }

    @Arbiter
    public void sum(III_Result r) {
      r.r3 = Stress.bit(rows == 3 && slots == 2);
    }
  }

  /** Whether the opener has the batch back; what the claimer got. */
  @Outcome(
      id = {"1, -2", "0, 0"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "both have the batch, or neither")
  public static class WithdrawMeta {}

  /** B1' against B2. */
  @JCStressTest
  @JCStressMeta(WithdrawMeta.class)
  @State
  public static class Withdraw {
    private final Batch batch = Stress.open(1);

    @Actor
    public void opener(II_Result r) {
      r.r1 = Stress.bit(batch.tryWithdraw());
    }

    @Actor
    public void claimer(II_Result r) {
      r.r2 = batch.tryClaim(1);
    }
  }

  /** The opener looks, then stores FREE. */
  @JCStressTest
  @JCStressMeta(WithdrawMeta.class)
  @State
  public static class BrokenWithdraw {
    private final AtomicInteger phase = new AtomicInteger(Batch.OPEN);

    @Actor
    public void opener(II_Result r) {
      if (phase.get() == Batch.OPEN) {
        phase.set(Batch.FREE);
        r.r1 = 1;
      }
    }

    @Actor
    public void claimer(II_Result r) {
      r.r2 = phase.compareAndSet(Batch.OPEN, Batch.SEALED) ? 0 : Batch.NOT_OPEN;
    }
  }
}
