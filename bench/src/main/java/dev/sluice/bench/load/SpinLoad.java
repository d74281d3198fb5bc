package dev.sluice.bench.load;

import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.EngineStats;
import dev.sluice.engine.Request;
import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.ConcurrentHistogram;

/**
 * Closed-loop callers of one row each on a {@link SpinBackend}, every answer checked.
 *
 * <p>Thread safety: immutable.
 *
 * @param baseNs of a run
 * @param rowNs of a row
 * @param callers threads that ask one request after another
 * @param threads makes them
 */
record SpinLoad(long baseNs, long rowNs, int callers, ThreadFactory threads) {
  private static final Duration CLAIM_WAIT = Duration.ofSeconds(10);

  /**
   * What a measurement gave.
   *
   * @param wrong answers, and claims that were refused
   */
  record Outcome(double rowsPerS, double p50Us, double p99Us, double meanBatch, long wrong) {
    /** The one in the middle by throughput, with the wrong answers of all. */
    static Outcome median(List<Outcome> outcomes) {
      List<Outcome> sorted =
          outcomes.stream().sorted((a, b) -> Double.compare(a.rowsPerS(), b.rowsPerS())).toList();
      Outcome middle = sorted.get(sorted.size() / 2);
      long wrong = outcomes.stream().mapToLong(Outcome::wrong).sum();
      return new Outcome(middle.rowsPerS, middle.p50Us, middle.p99Us, middle.meanBatch, wrong);
    }
  }

  /** Loads an engine for a quarter of the time and measures it for all of it. */
  Outcome measure(EngineOptions options, double seconds)
      throws BackendException, InterruptedException {
    ConcurrentHistogram latencyNs = new ConcurrentHistogram(60_000_000_000L, 3);
    AtomicLong wrong = new AtomicLong();
    AtomicLong answered = new AtomicLong();
    AtomicBoolean measuring = new AtomicBoolean();
    AtomicBoolean stop = new AtomicBoolean();
    try (Engine engine = Engine.over(new SpinBackend(baseNs, rowNs), true, options)) {
      CountDownLatch ended = new CountDownLatch(callers);
      for (int i = 0; i < callers; i++) {
        long seed = i;
        threads
            .newThread(() -> {
              try {
                call(engine, seed, measuring, stop, latencyNs, answered, wrong);
              } finally {
                ended.countDown();
              }
            })
            .start();
      }
      Thread.sleep((long) (seconds * 250));
      measuring.set(true);
      Thread.sleep((long) (seconds * 1_000));
      stop.set(true);
      ended.await();
      EngineStats stats = engine.stats();
      return new Outcome(
          answered.get() / seconds,
          latencyNs.getValueAtPercentile(50) / 1e3,
          latencyNs.getValueAtPercentile(99) / 1e3,
          stats.batchRows().mean(),
          wrong.get());
    }
  }

  private static void call(
      Engine engine,
      long seed,
      AtomicBoolean measuring,
      AtomicBoolean stop,
      ConcurrentHistogram latencyNs,
      AtomicLong answered,
      AtomicLong wrong) {
    Request request = engine.newRequest();
    long x = seed << 32;
    try {
      while (!stop.get()) {
        long startNs = System.nanoTime();
        if (!request.claim(1, CLAIM_WAIT).admitted()) {
          wrong.incrementAndGet();
          continue;
        }
        request.input(0).set(ValueLayout.JAVA_LONG, 0, ++x);
        long y = request.run().output(0).get(ValueLayout.JAVA_LONG, 0);
        request.close();
        if (y != x + 1) {
          wrong.incrementAndGet();
        }
        if (measuring.get()) {
          latencyNs.recordValue(System.nanoTime() - startNs);
          answered.incrementAndGet();
        }
      }
    } catch (InterruptedException e) {
      wrong.incrementAndGet();
    }
  }
}
