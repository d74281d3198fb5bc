package dev.sluice.engine.batch;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressMeta;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/** Buffers that a caller takes for itself (B1S). */
public final class SoloStress {
  private SoloStress() {}

  /** Who got one, and how many are left. */
  @Outcome(
      id = {"1, 1, 7"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "a buffer was lost, or given out twice")
  public static class TakeMeta {}

  /** Two callers that begin at the same word of the set. */
  @JCStressTest
  @JCStressMeta(TakeMeta.class)
  @State
  public static class Take {
    private final BatchQueue queue = Stress.queue(1, 1, 9);
    private final Claims.Ticket one = at(0);
    private final Claims.Ticket two = at(0);

    private static Claims.Ticket at(int position) {
      Claims.Ticket ticket = new Claims.Ticket();
      ticket.soloPosition = position;
      return ticket;
    }

    @Actor
    public void one(III_Result r) {
      r.r1 = Stress.bit(queue.claimSolo(one) != null);
    }

    @Actor
    public void two(III_Result r) {
      r.r2 = Stress.bit(queue.claimSolo(two) != null);
    }

    @Arbiter
    public void left(III_Result r) {
      while (queue.claimSolo(one) != null) {
        r.r3++;
      }
    }
  }

  /** Looks which is free, then takes that whether or not it still is. */
  @JCStressTest
  @JCStressMeta(TakeMeta.class)
  @State
  public static class BrokenTake {
    private final IndexSet free = IndexSet.spread(9, 3);

    public BrokenTake() {
      for (int i = 0; i < 9; i++) {
        free.add(i);
      }
    }

    private int take() {
      int index = free.next(0);
      if (index >= 0) {
        boolean _ = free.remove(index);
      }
      return Stress.bit(index >= 0);
    }

    @Actor
    public void one(III_Result r) {
      r.r1 = take();
    }

    @Actor
    public void two(III_Result r) {
      r.r2 = take();
    }

    @Arbiter
    public void left(III_Result r) {
      while (take() == 1) {
        r.r3++;
      }
    }
  }
}
