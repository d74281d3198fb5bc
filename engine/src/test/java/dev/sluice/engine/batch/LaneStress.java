package dev.sluice.engine.batch;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressMeta;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** Lanes and ready batches find each other; claims and close do. */
public final class LaneStress {
  private LaneStress() {}

  /** Whether each thread brought the batch and the lane together. */
  @Outcome(
      id = {"1, 0", "0, 1"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "the lane idles and the batch lies")
  public static class ReadyMeta {}

  private static int match(IndexSet ready, IndexSet idle) {
    int lane = idle.take();
    if (lane < 0) {
      return 0;
    }
    if (ready.remove(0)) {
      return 1;
    }
    idle.add(lane);
    return ready.isEmpty() ? 0 : match(ready, idle);
  }

  /** "Make it ready, then look for a lane" against "give the lane back, then look". */
  @JCStressTest
  @JCStressMeta(ReadyMeta.class)
  @State
  public static class Ready {
    private final IndexSet ready = new IndexSet(1);
    private final IndexSet idle = new IndexSet(1);

    @Actor
    public void submitter(II_Result r) {
      ready.add(0);
      r.r1 = match(ready, idle);
    }

    @Actor
    public void lane(II_Result r) {
      idle.add(0);
      r.r2 = match(ready, idle);
    }
  }

  /** The lane looks, then is given back. */
  @JCStressTest
  @JCStressMeta(ReadyMeta.class)
  @State
  public static class BrokenReady {
    private final IndexSet ready = new IndexSet(1);
    private final IndexSet idle = new IndexSet(1);

    @Actor
    public void submitter(II_Result r) {
      ready.add(0);
      r.r1 = match(ready, idle);
    }

    @Actor
    public void lane(II_Result r) {
      if (ready.remove(0)) {
        r.r2 = 1;
      } else {
        idle.add(0);
      }
    }
  }

  /** Whether the lane's thread was woken; whether it had found the batch anyway. */
  @Outcome(
      id = {"1, 0", "0, 1", "1, 1"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "nobody was woken, and the batch lies")
  public static class NudgeMeta {}

  /** Who finds a nudge that was not seen yet need not wake the thread, which is about to look. */
  @JCStressTest
  @JCStressMeta(NudgeMeta.class)
  @State
  public static class Nudge {
    private final IndexSet due = new IndexSet(1);
    private volatile boolean nudged = true;

    @Actor
    public void pump(II_Result r) {
      due.add(0);
      if (!nudged) {
        nudged = true;
        r.r1 = 1;
      }
    }

    @Actor
    public void thread(II_Result r) {
      nudged = false;
      r.r2 = Stress.bit(due.remove(0));
    }
  }

  /** The thread looks, then takes note of the nudge. */
  @JCStressTest
  @JCStressMeta(NudgeMeta.class)
  @State
  public static class BrokenNudge {
    private final IndexSet due = new IndexSet(1);
    private volatile boolean nudged = true;

    @Actor
    public void pump(II_Result r) {
      due.add(0);
      if (!nudged) {
        nudged = true;
        r.r1 = 1;
      }
    }

    @Actor
    public void thread(II_Result r) {
      r.r2 = Stress.bit(due.remove(0));
      nudged = false;
    }
  }

  /** Whether the claim was admitted; whether close took the engine for idle; claims left. */
  @Outcome(
      id = {"1, 0, 1", "0, 0, 0", "0, 1, 0"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "close freed the memory of an admitted claim")
  public static class CloseMeta {}

  private static final int SERVING = 0;
  private static final int CLOSING = 1;

  /** Claim, then look at the state; set the state, then look at the words. */
  @JCStressTest
  @JCStressMeta(CloseMeta.class)
  @State
  public static class Close {
    private final BatchQueue queue = Stress.queue(1, 1);
    private volatile int state = SERVING;
    private Batch claimed;

    @Actor
    public void claimer(III_Result r) {
      claimed = queue.claim(1).batch();
      if (state == SERVING) {
        r.r1 = 1;
      } else {
        claimed.writerGone();
      }
    }

    @Actor
    public void closer(III_Result r) {
      state = CLOSING;
      r.r2 = Stress.bit(queue.isIdle());
    }

    @Arbiter
    public void left(III_Result r) {
      r.r3 = Batch.live(claimed.word());
    }
  }

  /** The claimer looks at the state before it claims, and not after. */
  @JCStressTest
  @JCStressMeta(CloseMeta.class)
  @State
  public static class BrokenClose {
    private final BatchQueue queue = Stress.queue(1, 1);
    private volatile int state = SERVING;

    @Actor
    public void claimer(III_Result r) {
      if (state == SERVING) {
        queue.claim(1);
        r.r1 = 1;
      }
    }

    @Actor
    public void closer(III_Result r) {
      state = CLOSING;
      r.r2 = Stress.bit(queue.isIdle());
    }

    @Arbiter
    public void left(III_Result r) {
      r.r3 = r.r1;
    }
  }
}
