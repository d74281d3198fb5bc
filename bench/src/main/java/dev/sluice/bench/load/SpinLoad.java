package dev.sluice.bench.load;

import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.EngineStats;
import dev.sluice.engine.Request;
import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
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
  /** Measurements of each setting. */
  static final int ROUNDS = 3;

  private static final Duration CLAIM_WAIT = Duration.ofSeconds(10);

  /**
   * What a measurement gave.
   *
   * @param wrong answers, and claims that were refused
   */
  record Outcome(double rowsPerS, double p50Us, double p99Us, double meanBatch, long wrong) {
    /** The figures as a part of a table's row. */
    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "%9.0f %8.0f %8.0f %11.1f %6d", rowsPerS, p50Us, p99Us, meanBatch, wrong);
    }

    /** The one in the middle by throughput, with the wrong answers of all. */
    private static Outcome median(List<Outcome> outcomes) {
      List<Outcome> sorted =
          outcomes.stream().sorted((a, b) -> Double.compare(a.rowsPerS(), b.rowsPerS())).toList();
      Outcome middle = sorted.get(sorted.size() / 2);
      long wrong = outcomes.stream().mapToLong(Outcome::wrong).sum();
      return new Outcome(middle.rowsPerS, middle.p50Us, middle.p99Us, middle.meanBatch, wrong);
    }
  }

  /** A setting that is measured. */
  interface Setting {
    Outcome measure() throws BackendException, InterruptedException;
  }

  /**
   * Measures settings {@value #ROUNDS} times. A round takes each once, so that a drift of the
   * machine hits all alike.
   *
   * @return the median of each by throughput
   */
  static List<Outcome> inTurns(List<Setting> settings)
      throws BackendException, InterruptedException {
    List<List<Outcome>> outcomes = new ArrayList<>();
    settings.forEach(_ -> outcomes.add(new ArrayList<>()));
    for (int round = 0; round < ROUNDS; round++) {
      for (int i = 0; i < settings.size(); i++) {
        outcomes.get(i).add(settings.get(i).measure());
      }
    }
    return outcomes.stream().map(Outcome::median).toList();
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
