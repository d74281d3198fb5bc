package dev.sluice.engine.batch;

import dev.sluice.engine.Priority;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressMeta;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A caller that finds no room and queues up, against room that comes up meanwhile. */
public final class AdmissionStress {
  private AdmissionStress() {}

  /** Whether the caller got in by itself; whether it was told to try again. */
  @Outcome(
      id = {"1, 0", "0, 1", "1, 1"},
      expect = Expect.ACCEPTABLE)
  @Outcome(expect = Expect.FORBIDDEN, desc = "there is room, and the caller waits for it")
  public static class AdmitMeta {}

  /** What {@code Claims.claim} does up to its first park. */
  private static boolean claimOrQueue(BatchQueue queue, Admissions.Node node) {
    if (queue.claim(1) != null) {
      return true;
    }
    queue.admissions().enqueue(node, Priority.NORMAL);
    queue.admit(1);
    return node.takeGo() && queue.claim(1) != null;
  }

  /** The only batch is recycled while a caller finds it busy. */
  @JCStressTest
  @JCStressMeta(AdmitMeta.class)
  @State
  public static class Recycled {
    private final BatchQueue queue = Stress.queue(1, 1);
    private final Batch busy = queue.claim(1).batch();
    private final Admissions.Node node = new Admissions.Node();

    public Recycled() {
      Stress.runToDone(busy);
    }

    @Actor
    public void caller(II_Result r) {
      r.r1 = Stress.bit(claimOrQueue(queue, node));
    }

    @Actor
    public void holder() {
      if (busy.release()) {
        queue.recycle(busy);
      }
    }

    @Arbiter
    public void told(II_Result r) {
      r.r2 = Stress.bit(node.takeGo());
    }
  }

  /** The caller does not look again once it is in the line. */
  @JCStressTest
  @JCStressMeta(AdmitMeta.class)
  @State
  public static class BrokenRecycled {
    private final BatchQueue queue = Stress.queue(1, 1);
    private final Batch busy = queue.claim(1).batch();
    private final Admissions.Node node = new Admissions.Node();

    public BrokenRecycled() {
      Stress.runToDone(busy);
    }

    @Actor
    public void caller(II_Result r) {
      if (queue.claim(1) != null) {
        r.r1 = 1;
      } else {
        queue.admissions().enqueue(node, Priority.NORMAL);
      }
    }

    @Actor
    public void holder() {
      if (busy.release()) {
        queue.recycle(busy);
      }
    }

    @Arbiter
    public void told(II_Result r) {
      r.r2 = Stress.bit(node.takeGo());
    }
  }

  /** The last free batch is out of the free set and not published yet when a caller looks. */
  @JCStressTest
  @JCStressMeta(AdmitMeta.class)
  @State
  public static class Opened {
    private final BatchQueue queue = Stress.queue(1, 3);
    private final Admissions.Node node = new Admissions.Node();

    @Actor
    public void caller(II_Result r) {
      r.r1 = Stress.bit(claimOrQueue(queue, node));
    }

    @Actor
    public void opener() {
      queue.claim(1);
    }

    @Arbiter
    public void told(II_Result r) {
      r.r2 = Stress.bit(node.takeGo());
    }
  }

  /** Who opens a batch does not look into the line. */
  @JCStressTest
  @JCStressMeta(AdmitMeta.class)
  @State
  public static class BrokenOpened {
    private final Admissions admissions = new Admissions();
    private final IndexSet free = new IndexSet(1);
    private final Batch batch = new Batch(0, null, Stress.memory(3), 3, null);
    private final AtomicBoolean open = new AtomicBoolean();
    private final Admissions.Node node = new Admissions.Node();

    public BrokenOpened() {
      free.add(0);
    }

    private boolean claim() {
      while (true) {
        if (open.get()) {
          return batch.tryClaim(1) >= 0;
        }
        if (free.take() >= 0) {
          batch.open(false);
          open.set(true);
        } else if (!open.get()) {
          return false;
        }
      }
    }

    @Actor
    public void caller(II_Result r) {
      r.r1 = Stress.bit(claim());
      if (r.r1 == 0) {
        admissions.enqueue(node, Priority.NORMAL);
        admissions.wake(1);
        r.r1 = Stress.bit(node.takeGo() && claim());
      }
    }

    @Actor
    public void opener() {
      claim();
    }

    @Arbiter
    public void told(II_Result r) {
      r.r2 = Stress.bit(node.takeGo());
    }
  }

  /** The only batch is recycled while a caller that was told to try finds it busy. */
  @JCStressTest
  @JCStressMeta(AdmitMeta.class)
  @State
  public static class Told {
    private final BatchQueue queue = Stress.queue(1, 1);
    private final Batch busy = queue.claim(1).batch();
    private final Admissions.Node first = new Admissions.Node();
    private final Admissions.Node second = new Admissions.Node();

    public Told() {
      Stress.runToDone(busy);
      queue.admissions().enqueue(first, Priority.NORMAL);
      queue.admissions().enqueue(second, Priority.NORMAL);
      queue.admissions().wake(1);
    }

    @Actor
    public void caller(II_Result r) {
      boolean told = first.takeGo();
      r.r1 = Stress.bit(told && queue.claim(1) != null);
      if (told && r.r1 == 0) {
        queue.admissions().requeue(first);
        queue.admit(1);
        r.r1 = Stress.bit(first.takeGo() && queue.claim(1) != null);
      }
    }

    @Actor
    public void holder() {
      if (busy.release()) {
        queue.recycle(busy);
      }
    }

    @Arbiter
    public void told(II_Result r) {
      r.r2 = Stress.bit(first.takeGo() || second.takeGo());
    }
  }

  /** Who was told counts as such until its try is over. */
  @JCStressTest
  @JCStressMeta(AdmitMeta.class)
  @State
  public static class BrokenTold {
    private final AtomicInteger told = new AtomicInteger(1);
    private final IndexSet free = new IndexSet(1);
    private boolean go;

    @Actor
    public void caller(II_Result r) {
      r.r1 = Stress.bit(free.take() >= 0);
      told.decrementAndGet();
    }

    @Actor
    public void holder() {
      free.add(0);
      go = free.size() > told.get();
    }

    @Arbiter
    public void told(II_Result r) {
      r.r2 = Stress.bit(go);
    }
  }
}
