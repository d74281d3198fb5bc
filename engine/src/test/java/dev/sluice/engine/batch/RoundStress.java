package dev.sluice.engine.batch;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressMeta;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** The two events of a round that exactly one thread owns: ready, and recycling. */
public final class RoundStress {
  private RoundStress() {}

  /** How often each thread came to own the event. */
  @Outcome(
      id = {"1, 0", "0, 1"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "the event happened twice, or never")
  public static class OnceMeta {}

  /** B4 against B5. */
  @JCStressTest
  @JCStressMeta(OnceMeta.class)
  @State
  public static class Seal {
    private final Batch batch = Stress.open(2);

    public Seal() {
      batch.tryClaim(1);
    }

    @Actor
    public void writer(II_Result r) {
      r.r1 = Stress.bit(batch.writerDone());
    }

    @Actor
    public void sealer(II_Result r) {
      r.r2 = Stress.bit(batch.seal());
    }
  }

  /** The last claim seals (B3) and is withdrawn (B5 with B9), while the other is submitted. */
  @JCStressTest
  @JCStressMeta(OnceMeta.class)
  @State
  public static class SealByClaim {
    private final Batch batch = Stress.open(2);

    public SealByClaim() {
      batch.tryClaim(1);
    }

    @Actor
    public void writer(II_Result r) {
      r.r1 = Stress.bit(batch.writerDone());
    }

    @Actor
    public void claimer(II_Result r) {
      batch.tryClaim(1);
      r.r2 = Stress.bit(batch.writerGone());
    }
  }

  /** Phase and pending are two words. */
  @JCStressTest
  @JCStressMeta(OnceMeta.class)
  @State
  public static class BrokenSeal {
    private final AtomicInteger pending = new AtomicInteger(1);
    private volatile boolean sealed;

    @Actor
    public void writer(II_Result r) {
      r.r1 = Stress.bit(pending.decrementAndGet() == 0 && sealed);
    }

    @Actor
    public void sealer(II_Result r) {
      sealed = true;
      r.r2 = Stress.bit(pending.get() == 0);
    }
  }

  /** B6 by a lane against B4 by a claimer that did not fit: each starts or readies it alone. */
  @JCStressTest
  @JCStressMeta(OnceMeta.class)
  @State
  public static class Start {
    private final Batch batch = Stress.open(2);

    public Start() {
      batch.tryClaim(1);
      Stress.submit(batch, 0);
    }

    @Actor
    public void lane(II_Result r) {
      r.r1 = Stress.bit(batch.tryStart());
    }

    @Actor
    public void sealer(II_Result r) {
      r.r2 = Stress.bit(batch.seal());
    }
  }

  /** The lane looks, then stores RUNNING. */
  @JCStressTest
  @JCStressMeta(OnceMeta.class)
  @State
  public static class BrokenStart {
    private final AtomicInteger phase = new AtomicInteger(Batch.OPEN);

    @Actor
    public void lane(II_Result r) {
      if (phase.get() == Batch.OPEN) {
        phase.set(Batch.RUNNING);
        r.r1 = 1;
      }
    }

    @Actor
    public void sealer(II_Result r) {
      r.r2 = Stress.bit(phase.compareAndSet(Batch.OPEN, Batch.SEALED));
    }
  }

  /** B8 and the runner's own B9 against another holder's B9. */
  @JCStressTest
  @JCStressMeta(OnceMeta.class)
  @State
  public static class Recycle {
    private final Batch batch = Stress.running(2);

    @Actor
    public void runner(II_Result r) {
      r.r1 = Stress.bit(batch.finish()) + Stress.bit(batch.release());
    }

    @Actor
    public void holder(II_Result r) {
      r.r2 = Stress.bit(batch.release());
    }
  }

  /** The holders leave while the run ends. */
  @JCStressTest
  @JCStressMeta(OnceMeta.class)
  @State
  public static class RecycleByRunner {
    private final Batch batch = Stress.running(2);

    @Actor
    public void runner(II_Result r) {
      r.r1 = Stress.bit(batch.finish());
    }

    @Actor
    public void holders(II_Result r) {
      r.r2 = Stress.bit(batch.release()) + Stress.bit(batch.release());
    }
  }

  /** Holders are counted apart from the phase. */
  @JCStressTest
  @JCStressMeta(OnceMeta.class)
  @State
  public static class BrokenRecycle {
    private final AtomicInteger live = new AtomicInteger(2);
    private volatile boolean done;

    private boolean release() {
      return live.decrementAndGet() == 0 && done;
    }

    @Actor
    public void runner(II_Result r) {
      done = true;
      r.r1 = Stress.bit(live.get() == 0);
    }

    @Actor
    public void holders(II_Result r) {
      r.r2 = Stress.bit(release()) + Stress.bit(release());
    }
  }
}
