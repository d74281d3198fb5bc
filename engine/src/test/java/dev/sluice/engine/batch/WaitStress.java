package dev.sluice.engine.batch;

import dev.sluice.engine.Priority;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressMeta;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** Wake-ups that must not be lost: of a caller that waits for its run, its lead, or its turn. */
public final class WaitStress {
  private WaitStress() {}

  /** Whether the waiter saw the end and will not park; whether the completer saw the waiter. */
  @Outcome(
      id = {"1, 0", "0, 1", "1, 1"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "the waiter parks and nobody wakes it")
  public static class WakeMeta {}

  /** A waiter registers while its request is completed. */
  @JCStressTest
  @JCStressMeta(WakeMeta.class)
  @State
  public static class Wake {
    private final Batch batch = Stress.running(1);
    private final Slot slot = batch.slot(0);

    @Actor
    public void waiter(II_Result r) {
      slot.registerWaiter(this);
      r.r1 = Stress.bit(slot.state() != Slot.SUBMITTED);
    }

    @Actor
    public void completer(II_Result r) {
      slot.moveState(Slot.SUBMITTED, Slot.OK);
      r.r2 = Stress.bit(slot.notifyWaiter(Slot.Mark.FANOUT) != null);
    }
  }

  /** The completer looks for the waiter before it changes the state. */
  @JCStressTest
  @JCStressMeta(WakeMeta.class)
  @State
  public static class BrokenWake {
    private final Batch batch = Stress.running(1);
    private final Slot slot = batch.slot(0);

    @Actor
    public void waiter(II_Result r) {
      slot.registerWaiter(this);
      r.r1 = Stress.bit(slot.state() != Slot.SUBMITTED);
    }

    @Actor
    public void completer(II_Result r) {
      r.r2 = Stress.bit(slot.notifyWaiter(Slot.Mark.FANOUT) != null);
      slot.moveState(Slot.SUBMITTED, Slot.OK);
    }
  }

  /** Whether the waiter saw the wake-up at once; whether it will see it when it looks again. */
  @Outcome(
      id = {"1, 0", "0, 1"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "the wake-up was wiped out unseen")
  public static class GoMeta {}

  /** A caller in the line looks whether it may try, while it is told to. */
  @JCStressTest
  @JCStressMeta(GoMeta.class)
  @State
  public static class Go {
    private final Admissions admissions = new Admissions();
    private final Admissions.Node node = new Admissions.Node();

    public Go() {
      admissions.enqueue(node, Priority.NORMAL);
    }

    @Actor
    public void waiter(II_Result r) {
      r.r1 = Stress.bit(node.takeGo());
    }

    @Actor
    public void recycler() {
      admissions.wake(1);
    }

    @Arbiter
    public void again(II_Result r) {
      r.r2 = Stress.bit(node.takeGo());
    }
  }

  /** The waiter wipes out what it has not seen. */
  @JCStressTest
  @JCStressMeta(GoMeta.class)
  @State
  public static class BrokenGo {
    private volatile boolean go;

    private boolean takeGo() {
      boolean was = go;
      go = false;
      return was;
    }

    @Actor
    public void waiter(II_Result r) {
      r.r1 = Stress.bit(takeGo());
    }

    @Actor
    public void recycler() {
      go = true;
    }

    @Arbiter
    public void again(II_Result r) {
      r.r2 = Stress.bit(takeGo());
    }
  }
}
