package dev.sluice.converter.load;

import com.sun.management.ThreadMXBean;
import dev.sluice.converter.load.LoadGenerator.Shared;
import dev.sluice.converter.load.LoadGenerator.Window;
import dev.sluice.engine.Admission;
import dev.sluice.engine.Engine;
import dev.sluice.engine.InferenceException;
import dev.sluice.engine.Outputs;
import dev.sluice.engine.Request;
import dev.sluice.engine.backend.BackendException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;

/**
 * One thread of a load. The loop allocates nothing, so that what is counted is the engine's.
 *
 * <p>Thread safety: run by one thread; read by others after that has ended.
 */
final class Caller implements Runnable {
  /** Two significant digits: 1 % of error. */
  static final int DIGITS = 2;

  private static final long LONGEST_NS = 60_000_000_000L;
  private static final Duration CLAIM_WAIT = Duration.ofSeconds(1);

  /** A parked thread wakes some 50 us late (Linux' timer slack), so the rest is spun. */
  private static final long SPIN_NS = 60_000;

  /** How long after its end a load that fell behind goes on, so that a last answer counts. */
  private static final long GRACE_NS = 250_000_000;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Engine engine;
  private final Shared shared;
  private final Request request;
  private final Histogram latencyNs = new Histogram(LONGEST_NS, DIGITS);
  private int sample;
  private long rows;
  private long rejected;
  private long errors;
  private String firstError;
  private long allocatedBytes;
  private long counted;

  Caller(Engine engine, Shared shared, int index) throws BackendException {
    this.engine = engine;
    this.shared = shared;
    this.request = shared.samples.newRequest();
    this.sample = index % shared.samples.count();
  }

  @Override
  public void run() {
    shared.ready.countDown();
    try {
      shared.go.await();
      loop(shared.window);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      fail(e.getMessage() == null ? e.toString() : e.getMessage());
    } finally {
      request.close();
    }
  }

  private void loop(Window window) throws InterruptedException {
    boolean platform = !shared.plan.virtual();
    long allocatedBefore = -1;
    while (engine.failure() == null) {
      long startNs = start(window);
      if (startNs - window.endNs() >= 0) {
        break;
      }
      boolean measured = startNs - window.measureNs() >= 0;
      if (measured && allocatedBefore < 0) {
        allocatedBefore = platform ? THREADS.getCurrentThreadAllocatedBytes() : 0;
      }
      once(startNs, measured, window);
      if (measured) {
        counted++;
      }
    }
    if (platform && allocatedBefore >= 0) {
      allocatedBytes = THREADS.getCurrentThreadAllocatedBytes() - allocatedBefore;
    }
  }

  /** When the next request starts: now, or when it is due. */
  private long start(Window window) {
    if (!shared.plan.isOpen()) {
      return System.nanoTime();
    }
    if (System.nanoTime() - window.endNs() >= GRACE_NS) {
      return window.endNs();
    }
    long number = shared.nextDue.getAndIncrement();
    long dueNs = window.startNs() + (long) (number / shared.plan.ratePerS() * 1e9);
    if (dueNs - window.endNs() >= 0) {
      return dueNs;
    }
    for (long left = dueNs - System.nanoTime(); left > 0; left = dueNs - System.nanoTime()) {
      if (shared.plan.virtual() || left > SPIN_NS) {
        LockSupport.parkNanos(shared.plan.virtual() ? left : left - SPIN_NS);
      } else {
        Thread.onSpinWait();
      }
    }
    return dueNs;
  }

  private void once(long startNs, boolean measured, Window window) throws InterruptedException {
    // An open loop does not wait at the door: what is not admitted is counted.
    Admission admission =
        shared.plan.isOpen()
            ? request.tryClaim(shared.samples.rows())
            : request.claim(shared.samples.rows(), CLAIM_WAIT);
    if (!admission.admitted()) {
      rejected += measured ? 1 : 0;
      return;
    }
    try {
      shared.samples.write(sample, request);
      Outputs outputs = request.run();
      long doneNs = System.nanoTime();
      if (measured) {
        latencyNs.recordValue(Math.clamp(doneNs - startNs, 0, LONGEST_NS));
        rows += doneNs - window.endNs() <= 0 ? shared.samples.rows() : 0;
      }
      if (!shared.samples.matches(sample, outputs)) {
        fail("the answer to sample " + sample + " differs from the one that it got alone");
      }
    } catch (InferenceException e) {
      fail(e.getMessage());
    } finally {
      request.close();
    }
    sample = sample + 1 == shared.samples.count() ? 0 : sample + 1;
  }

  private void fail(String error) {
    errors++;
    if (firstError == null) {
      firstError = error;
    }
  }

  Histogram latencyNs() {
    return latencyNs;
  }

  long rows() {
    return rows;
  }

  long rejected() {
    return rejected;
  }

  long errors() {
    return errors;
  }

  String firstError() {
    return firstError;
  }

  long allocatedBytes() {
    return allocatedBytes;
  }

  /** Requests that were sent in the time that was measured. */
  long counted() {
    return counted;
  }
}
