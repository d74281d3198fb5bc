package dev.sluice.converter.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets this thread clean up where the process is asked to end (Ctrl-C, a signal) while this is
 * open: the thread is interrupted, and the process ends once this was closed.
 *
 * <p>Thread safety: opened and closed by the thread that works.
 */
final class Interruption implements AutoCloseable {
  /** What does not end by then never does. */
  private static final long LONGEST_S = 60;

  private final Thread worker = Thread.currentThread();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread hook = new Thread(this::interrupt, "sluice-interruption");

  Interruption() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void interrupt() {
    worker.interrupt();
    try {
      if (!closed.await(LONGEST_S, TimeUnit.SECONDS)) {
        System.err.println("sluice: the work does not end; some of its files may be left");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process ends already, and the hook with it.
    }
  }
}
