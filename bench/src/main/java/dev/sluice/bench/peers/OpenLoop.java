package dev.sluice.bench.peers;

import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Requests that are due at a fixed rate, whether or not those before are answered; whoever is free
 * takes the next, and latency counts from when it was due.
 *
 * <p>A caller sleeps until its request is due, and wakes some 50 us late (Linux' timer slack),
 * which counts. To spin for the rest instead is exact but takes a core: at the rates of a model
 * that takes 300 us, from 60 us of spinning for each request a third of one and more. So only
 * platform callers spin, and only where each of them could have a core of its own.
 *
 * <p>When the turn ends, those that are due are answered still, for as long as the turn took. What
 * was not begun by then counts with what it waited.
 *
 * <p>Thread safety: one thread for each.
 */
final class OpenLoop implements Crowd.Member {
  private static final long SPIN_NS = 60_000;

  private final Asker caller;
  private final Schedule schedule;
  private final Tally tally = new Tally();

  /** What the callers share. */
  private static final class Schedule {
    private final AtomicLong next = new AtomicLong();
    private final double ratePerS;
    private final long durationNs;
    private final boolean spin;

    Schedule(double ratePerS, long durationNs, boolean spin) {
      this.ratePerS = ratePerS;
      this.durationNs = durationNs;
      this.spin = spin;
    }

    /** When the next request is due, counted from the start. */
    long nextNs() {
      return (long) (next.getAndIncrement() / ratePerS * 1e9);
    }
  }

  private OpenLoop(Asker caller, Schedule schedule) {
    this.caller = caller;
    this.schedule = schedule;
  }

  /**
   * Has callers ask.
   *
   * @param ratePerS requests that become due in a second, of all callers together
   * @return a {@link Tally#line}
   */
  static String run(List<Asker> callers, double ratePerS, long durationNs, ThreadFactory threads)
      throws InterruptedException {
    boolean spin = callers.size() <= Runtime.getRuntime().availableProcessors();
    Schedule schedule = new Schedule(ratePerS, durationNs, spin);
    List<OpenLoop> loops = callers.stream().map(caller -> new OpenLoop(caller, schedule)).toList();
    long startNs = Crowd.run(loops, threads);
    return Tally.line(loops.stream().map(loop -> loop.tally).toList(), startNs);
  }

  @Override
  public void run(long startNs) throws Exception {
    long giveUpNs = startNs + 2 * schedule.durationNs;
    boolean spin = schedule.spin && !Thread.currentThread().isVirtual();
    for (long afterNs = schedule.nextNs();
        afterNs < schedule.durationNs;
        afterNs = schedule.nextNs()) {
      long dueNs = startNs + afterNs;
      if (System.nanoTime() - giveUpNs >= 0) {
        tally.unanswered(dueNs, giveUpNs);
      } else {
        await(dueNs, spin);
        caller.ask();
        tally.answered(dueNs, System.nanoTime());
      }
    }
  }

  private static void await(long dueNs, boolean spin) {
    long spinNs = spin ? SPIN_NS : 0;
    for (long leftNs = dueNs - System.nanoTime(); leftNs > 0; leftNs = dueNs - System.nanoTime()) {
      if (leftNs > spinNs) {
        LockSupport.parkNanos(leftNs - spinNs);
      } else {
        Thread.onSpinWait();
      }
    }
  }
}
