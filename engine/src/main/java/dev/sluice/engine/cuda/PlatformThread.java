package dev.sluice.engine.cuda;

import dev.sluice.engine.backend.BackendException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Runs on a platform thread what makes a CUDA context current and may wait for a lock meanwhile: a
 * virtual thread may go on on another carrier after that, where another context is current.
 *
 * <p>Thread safety: stateless.
 */
public final class PlatformThread {
  private PlatformThread() {}

  /**
   * Runs something here, or, where this thread is virtual, on a platform thread that is waited for.
   * An interrupt of this thread interrupts that one.
   *
   * @throws BackendException of the work; it throws no other checked exception
   */
  public static <T> T call(Callable<T> work) throws BackendException {
    Thread caller = Thread.currentThread();
    if (!caller.isVirtual()) {
      try {
        return work.call();
      } catch (Exception e) {
        throw rethrown(e);
      }
    }
    FutureTask<T> task = new FutureTask<>(work);
    Thread thread = Thread.ofPlatform().daemon(true).name("sluice-cuda").start(task);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
          thread.interrupt();
        } catch (ExecutionException e) {
          throw rethrown(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        caller.interrupt();
      }
    }
  }

  private static BackendException rethrown(Throwable thrown) {
    return switch (thrown) {
      case BackendException e -> e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> new BackendException("work on the device failed: " + thrown, thrown);
    };
  }
}
