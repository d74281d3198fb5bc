package dev.sluice.bench.peers;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;

/**
 * A caller that wants the next answer when it has one: its latency counts from its previous answer,
 * at first from the start of all. It finishes what it has begun when time is up. One that could not
 * even begin until then, since others kept the cores, waited all the time and got nothing.
 *
 * <p>Thread safety: one thread.
 */
final class ClosedLoop implements Crowd.Member {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Asker caller;
  private final long durationNs;
  private final Tally tally = new Tally();

  private ClosedLoop(Asker caller, long durationNs) {
    this.caller = caller;
    this.durationNs = durationNs;
  }

  /**
   * Has callers ask.
   *
   * @param groups callers that are told apart; all ask at the same time
   * @return a {@link Tally#line} for each group, one behind another
   */
  static String run(List<List<Asker>> groups, long durationNs, ThreadFactory threads)
      throws InterruptedException {
    List<ClosedLoop> loops = new ArrayList<>();
    groups.forEach(group -> group.forEach(caller -> loops.add(new ClosedLoop(caller, durationNs))));
    long startNs = Crowd.run(loops, threads);
    List<String> lines = new ArrayList<>();
    int from = 0;
    for (List<Asker> group : groups) {
      List<ClosedLoop> own = loops.subList(from, from + group.size());
      lines.add(Tally.line(own.stream().map(loop -> loop.tally).toList(), startNs));
      from += group.size();
    }
    return String.join(" ", lines);
  }

  @Override
  public void run(long startNs) throws Exception {
    long endNs = startNs + durationNs;
    if (System.nanoTime() - endNs >= 0) {
      tally.unanswered(startNs, endNs);
      return;
    }
    long sinceNs = ask(startNs);
    // Threads are new in each turn, so their first request is not of the steady state.
    long heapBytes = THREADS.getCurrentThreadAllocatedBytes();
    long requests = 0;
    while (sinceNs - endNs < 0) {
      sinceNs = ask(sinceNs);
      requests++;
    }
    if (!Thread.currentThread().isVirtual()) {
      tally.allocated(THREADS.getCurrentThreadAllocatedBytes() - heapBytes, requests);
    }
  }

  /** Asks once; when the answer was there. */
  private long ask(long sinceNs) throws Exception {
    caller.ask();
    long doneNs = System.nanoTime();
    tally.answered(sinceNs, doneNs);
    return doneNs;
  }
}
