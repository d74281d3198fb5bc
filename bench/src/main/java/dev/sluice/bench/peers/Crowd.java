package dev.sluice.bench.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;

/**
 * Callers that start at one moment, each on a thread of its own.
 *
 * <p>Thread safety: stateless.
 */
final class Crowd {
  /** What a caller does. */
  @FunctionalInterface
  interface Member {
    /**
     * Runs to its end.
     *
     * @param startNs of all, by {@link System#nanoTime}
     */
    void run(long startNs) throws Exception;
  }

  private Crowd() {}

  /**
   * Runs all of them, and returns when the last has ended.
   *
   * @return when they started, by {@link System#nanoTime}
   * @throws IllegalStateException where one failed; its cause is the first failure
   */
  static long run(List<? extends Member> members, ThreadFactory threads)
      throws InterruptedException {
    CountDownLatch ready = new CountDownLatch(members.size());
    CountDownLatch go = new CountDownLatch(1);
    long[] startNs = new long[1];
    List<Throwable> failures = new ArrayList<>();
    List<Thread> running = new ArrayList<>();
    for (Member member : members) {
      Thread thread =
          threads.newThread(() -> {
            ready.countDown();
            try {
              go.await();
              member.run(startNs[0]);
            } catch (Throwable t) { // whatever a peer throws ends the measurement
              synchronized (failures) {
                failures.add(t);
              }
            }
          });
      running.add(thread);
      thread.start();
    }
    ready.await();
    startNs[0] = System.nanoTime();
    go.countDown();
    for (Thread thread : running) {
      thread.join();
    }
    if (!failures.isEmpty()) {
      throw new IllegalStateException("a caller failed", failures.getFirst());
    }
    return startNs[0];
  }
}
