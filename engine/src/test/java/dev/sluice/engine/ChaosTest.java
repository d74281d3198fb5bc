package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A million requests from 64 threads, platform and virtual, blocking and not, over a backend that
 * fails, stalls and lets batches overtake each other, with callers that abandon, interrupt, cancel,
 * run out of time and keep writing where they must not, and engines that close under them. Every
 * request ends exactly once, with its own row's answer or with the right exception.
 *
 * <p>In checked mode, where every request has an arena of its own, it is fifty thousand.
 */
class ChaosTest {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final int THREADS = 64;
  private static final int WIDTH = 2;
  private static final long SALT = 0x5DEECE66DL;
  private static final int ENGINES = 10;
  private static final long CLAIM_TIMEOUT_MS = 20;

  /**
   * Tells of every lane that fails and every late caller; here that is a hundred thousand lines.
   */
  private static final Logger ENGINE_LOG = Logger.getLogger("dev.sluice.engine");

  private final long seed = Long.getLong("sluice.seed", 20261122L);
  private final long requests =
      (long)
          ((Engine.CHECKED ? 50_000 : 1_000_000)
              * Double.parseDouble(System.getProperty("sluice.effort", "1"))
              / ENGINES);

  /** How requests ended; the sum is the number of requests. */
  private enum End {
    ANSWERED,
    FAILED,
    EXPIRED,
    CANCELLED,
    ABANDONED,
    CLOSED,
    REFUSED,
    WITHDRAWN,
    INTERRUPTED
  }

  private final AtomicLong[] ends = new AtomicLong[End.values().length];
  private final ConcurrentLinkedQueue<Throwable> errors = new ConcurrentLinkedQueue<>();

  ChaosTest() {
    for (int i = 0; i < ends.length; i++) {
      ends[i] = new AtomicLong();
    }
  }

  @BeforeAll
  static void silence() {
    ENGINE_LOG.setLevel(Level.OFF);
  }

  @AfterAll
  static void restore() {
    ENGINE_LOG.setLevel(null);
  }

  private AtomicLong count(End end) {
    return ends[List.of(End.values()).indexOf(end)];
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.MINUTES)
  void everyRequestEndsOnceWithItsOwnAnswer() throws Exception {
    long expected = 0;
    for (int i = 0; i < ENGINES; i++) {
      expected += oneEngine(i);
      if (!errors.isEmpty()) {
        throw new AssertionError(
            errors.size() + " errors with sluice.seed=" + seed + ", engine " + i, errors.peek());
      }
    }
    long sum = 0;
    StringBuilder report = new StringBuilder("chaos, seed " + seed + ":");
    for (End end : End.values()) {
      sum += count(end).get();
      report.append(' ').append(end).append(' ').append(count(end));
    }
    System.out.println(report);
    assertThat(sum).as("sluice.seed=%s", seed).isEqualTo(expected);
    assertThat(expected).isGreaterThanOrEqualTo(requests * ENGINES);
    for (End end : End.values()) {
      assertThat(count(end).get()).as("%s, sluice.seed=%s", end, seed).isPositive();
    }
    assertThat(count(End.ANSWERED).get()).isGreaterThan(expected / 4);
  }

  private long oneEngine(int number) throws Exception {
    AtomicLong runs = new AtomicLong();
    AtomicBoolean stall = new AtomicBoolean();
    FakeBackend backend =
        new FakeBackend(WIDTH, (lane, memory, rows) -> disturb(number, runs, stall));
    ExecutorService callbacks = Executors.newFixedThreadPool(2);
    Engine engine =
        Engine.over(
            backend,
            true,
            EngineOptions.builder()
                .maxBatch(1 << (number % 5))
                .lanes(1 + number % 3)
                .buffersPerShape(number % 2 == 0 ? 0 : 40)
                .soloBuffers(number % 3 == 1 ? 8 : 0)
                .maxPending(number % 3 == 0 ? 100 : Integer.MAX_VALUE)
                .maxQuarantined(4)
                .maxDelay(Duration.ofNanos(number % 4 == 3 ? 50_000 : 0))
                .claimTimeout(Duration.ofMillis(CLAIM_TIMEOUT_MS))
                .readTimeout(Duration.ofMillis(CLAIM_TIMEOUT_MS))
                .drainTimeout(Duration.ofMillis(number % 2 == 0 ? 2_000 : 0))
                .callbacks(callbacks)
                .build());
    // The last engines are closed under load, the first once every caller is done.
    boolean underLoad = number >= ENGINES / 2;
    AtomicLong tickets = new AtomicLong();
    AtomicLong started = new AtomicLong();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < THREADS; t++) {
      Caller caller =
          new Caller(engine, tickets, started, underLoad, seed * 31 + number * 1000L + t);
      threads.add(
          t % 3 == 2
              ? Thread.ofVirtual().unstarted(caller)
              : Thread.ofPlatform().unstarted(caller));
    }
    threads.forEach(Thread::start);
    if (underLoad) {
      while (tickets.get() < requests && errors.isEmpty()) {
        LockSupport.parkNanos(1_000_000);
      }
      // Requests pile up behind slow runs, so that there is something to close upon.
      stall.set(true);
      LockSupport.parkNanos(20_000_000);
      engine.close();
    }
    for (Thread thread : threads) {
      if (!thread.join(Duration.ofMinutes(3))) {
        throw new AssertionError(
            "engine " + number + " hangs, sluice.seed=" + seed + ": " + engine.claims());
      }
    }
    engine.close();
    callbacks.shutdown();
    assertThat(callbacks.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
    // The last run may end on a lane's own thread, which then frees the engine.
    for (int i = 0; i < 10_000 && !backend.closed(); i++) {
      LockSupport.parkNanos(1_000_000);
    }
    assertThat(backend.closed())
        .as("engine %s (%s), sluice.seed=%s", number, engine.claims(), seed)
        .isTrue();
    assertThat(backend.liveMemories()).isZero();
    assertThat(backend.liveLanes()).isZero();
    assertThat(engine.stats().quarantined()).isZero();
    return started.get();
  }

  private void disturb(int number, AtomicLong runs, AtomicBoolean stall) throws BackendException {
    if (stall.get()) {
      LockSupport.parkNanos(10_000_000);
    }
    long run = runs.getAndIncrement();
    SplittableRandom random = new SplittableRandom(seed ^ (number * 1_000_003L + run));
    int what = random.nextInt(1000);
    if (what < 5) {
      throw new BackendException("chosen to fail", null);
    } else if (what < 8) {
      throw new IllegalStateException("chosen to throw something else");
    } else if (what < 12) {
      LockSupport.parkNanos(random.nextInt(3_000_000));
    } else if (what < 60) {
      LockSupport.parkNanos(1);
    }
  }

  /** One thread of callers. */
  private final class Caller implements Runnable {
    private final Engine engine;
    private final AtomicLong tickets;
    private final AtomicLong started;
    private final boolean untilClosed;
    private final SplittableRandom random;

    Caller(
        Engine engine,
        AtomicLong tickets,
        AtomicLong started,
        boolean untilClosed,
        long callerSeed) {
      this.untilClosed = untilClosed;
      this.engine = engine;
      this.tickets = tickets;
      this.started = started;
      this.random = new SplittableRandom(callerSeed);
    }

    @Override
    public void run() {
      Request request = engine.newRequest();
      long mine = 0;
      try {
        // A closed engine refuses at once: a few refusals each are enough.
        int refused = 0;
        while (refused < 50 && errors.isEmpty()) {
          long ticket = tickets.getAndIncrement();
          if (ticket >= requests && !untilClosed) {
            break;
          }
          mine++;
          End end = one(request, ticket);
          count(end).incrementAndGet();
          refused = end == End.REFUSED && engine.claims().closed() ? refused + 1 : 0;
        }
      } catch (Throwable t) {
        error(t);
      } finally {
        request.close();
        started.addAndGet(mine);
      }
    }

    private End one(Request request, long ticket) throws InterruptedException {
      int rows = 1 + random.nextInt(Math.min(3, engine.maxBatch()));
      request.priority(random.nextInt(10) == 0 ? Priority.HIGH : Priority.NORMAL);
      int what = random.nextInt(10_000);
      request.deadlineAt(
          random.nextInt(30) == 0 ? System.nanoTime() + random.nextInt(2_000_000) : Long.MAX_VALUE);
      Admission admission = random.nextInt(4) == 0 ? request.tryClaim(rows) : claim(request, rows);
      if (!admission.admitted()) {
        return End.REFUSED;
      }
      MemorySegment in;
      try {
        in = request.input(0);
        for (int i = 0; i < rows * WIDTH; i++) {
          in.setAtIndex(LONG, i, value(ticket, i));
        }
      } catch (InferenceException abandoned) {
        // This thread was not scheduled for longer than claimTimeout.
        request.close();
        return end(abandoned);
      }
      if (what < 300) {
        request.close();
        return End.WITHDRAWN;
      } else if (what < 302) {
        keepWriting(in, rows);
      } else if (what < 304) {
        return answerReadLate(request, ticket, rows);
      } else if (what < 430) {
        Thread.currentThread().interrupt();
      } else if (what < 2_500) {
        return async(request, ticket, rows, what < 1_000);
      }
      return blocking(request, ticket, rows);
    }

    private Admission claim(Request request, int rows) throws InterruptedException {
      return request.claim(rows, Duration.ofMillis(random.nextInt(4) == 0 ? 1 : 10_000));
    }

    /** Writes until long after the rows were abandoned, and then some. */
    private void keepWriting(MemorySegment in, int rows) {
      long untilNs =
          System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(CLAIM_TIMEOUT_MS + random.nextInt(40));
      while (System.nanoTime() < untilNs) {
        for (int i = 0; i < rows * WIDTH; i++) {
          in.setAtIndex(LONG, i, random.nextLong());
        }
        LockSupport.parkNanos(200_000);
      }
      for (int i = 0; i < rows * WIDTH; i++) {
        in.setAtIndex(LONG, i, -1);
      }
    }

    private End blocking(Request request, long ticket, int rows) {
      try {
        boolean spoiled = request.input(0).getAtIndex(LONG, 0) == -1;
        Outputs out = request.run();
        if (!spoiled) {
          check(out.output(0), ticket, rows);
        }
        return End.ANSWERED;
      } catch (InferenceException e) {
        return end(e);
      } catch (InterruptedException e) {
        return End.INTERRUPTED;
      } finally {
        Thread.interrupted();
        request.close();
      }
    }

    private End answerReadLate(Request request, long ticket, int rows) {
      try {
        Outputs out = request.run();
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(CLAIM_TIMEOUT_MS * 2));
        check(out.output(0), ticket, rows);
        return End.ANSWERED;
      } catch (InferenceException e) {
        return end(e);
      } catch (InterruptedException e) {
        throw new AssertionError("nobody interrupts here", e);
      } finally {
        request.close();
      }
    }

    private End async(Request request, long ticket, int rows, boolean cancel) {
      Semaphore told = new Semaphore(0);
      End[] end = new End[1];
      boolean cancelled;
      try {
        request.submit((r, failure) -> {
          try {
            if (failure == null) {
              check(r.output(0), ticket, rows);
            }
            end[0] = failure == null ? End.ANSWERED : end(failure);
          } catch (Throwable t) {
            errors.add(t);
          } finally {
            r.close();
            told.release();
          }
        });
        cancelled = cancel && request.cancel();
      } catch (InferenceException abandoned) {
        return end(abandoned);
      }
      told.acquireUninterruptibly();
      if (told.tryAcquire()) {
        throw new AssertionError("told twice");
      }
      if (cancelled && end[0] != End.CANCELLED) {
        throw new AssertionError("cancelled, but ended as " + end[0]);
      }
      return end[0];
    }
  }

  /** Prints at once: what is broken may keep the test from ending. */
  private void error(Throwable t) {
    if (errors.isEmpty()) {
      t.printStackTrace();
    }
    errors.add(t);
  }

  private static long value(long ticket, int i) {
    return (ticket * 64 + i) ^ SALT;
  }

  private static void check(MemorySegment out, long ticket, int rows) {
    for (int i = 0; i < rows * WIDTH; i++) {
      long expected = FakeBackend.answer(value(ticket, i));
      long actual = out.getAtIndex(LONG, i);
      if (actual != expected) {
        throw new AssertionError(
            "request " + ticket + ", element " + i + ": " + actual + ", not " + expected);
      }
    }
  }

  private static End end(InferenceException e) {
    return switch (e.reason()) {
      case BACKEND_FAILED -> End.FAILED;
      case EXPIRED -> End.EXPIRED;
      case CANCELLED -> End.CANCELLED;
      case ABANDONED -> End.ABANDONED;
      case CLOSED -> End.CLOSED;
      case REFUSED -> End.REFUSED;
      case BAD_INPUT -> throw new AssertionError("nothing here checks its inputs", e);
    };
  }
}
