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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.ConcurrentHistogram;

/**
 * What waiting for company gains: closed-loop callers on a {@link SpinBackend}, over lanes and
 * {@code maxDelay}. Its figures are behind the default of {@code EngineOptions.maxDelay}.
 *
 * <p>Each row of the table is the median of its throughput over {@value #ROUNDS} rounds; a round
 * takes every setting once, so that a drift of the machine hits all alike. Every answer is checked.
 */
public final class CompanyScenario {
  private static final int ROUNDS = 3;
  private static final long BASE_NS = 150_000;
  private static final long ROW_NS = 17_000;
  private static final int MAX_BATCH = 64;
  private static final long[] DELAYS_US = {0, 50, 200, 1_000};
  private static final Duration CLAIM_WAIT = Duration.ofSeconds(10);

  private CompanyScenario() {}

  /** One setting of one round. */
  record Outcome(double rowsPerS, double p50Us, double p99Us, double meanBatch, long wrong) {}

  /** Prints the table. The one argument, seconds of each measurement, is 2 by default. */
  public static void main(String[] args) throws Exception {
    double seconds = args.length > 0 ? Double.parseDouble(args[0]) : 2;
    System.out.printf(
        Locale.ROOT,
        "runs of %d us + %d us a row, %d cores, JDK %s%n%n",
        BASE_NS / 1_000,
        ROW_NS / 1_000,
        Runtime.getRuntime().availableProcessors(),
        Runtime.version());
    System.out.println(
        "callers  lanes  maxDelay us    rows/s   p50 us   p99 us  mean batch  wrong");
    for (int callers : new int[] {1, 4, 64}) {
      for (int lanes : new int[] {1, 2}) {
        print(callers, lanes, seconds);
      }
    }
  }

  private static void print(int callers, int lanes, double seconds) throws Exception {
    List<List<Outcome>> byDelay = new ArrayList<>();
    for (int i = 0; i < DELAYS_US.length; i++) {
      byDelay.add(new ArrayList<>());
    }
    for (int round = 0; round < ROUNDS; round++) {
      for (int i = 0; i < DELAYS_US.length; i++) {
        byDelay.get(i).add(measure(callers, lanes, DELAYS_US[i] * 1_000, seconds));
      }
    }
    for (int i = 0; i < DELAYS_US.length; i++) {
      List<Outcome> outcomes = byDelay.get(i);
      outcomes.sort((a, b) -> Double.compare(a.rowsPerS(), b.rowsPerS()));
      Outcome median = outcomes.get(ROUNDS / 2);
      System.out.printf(
          Locale.ROOT,
          "%7d %6d %12d %9.0f %8.0f %8.0f %11.1f %6d%n",
          callers,
          lanes,
          DELAYS_US[i],
          median.rowsPerS(),
          median.p50Us(),
          median.p99Us(),
          median.meanBatch(),
          outcomes.stream().mapToLong(Outcome::wrong).sum());
    }
  }

  static Outcome measure(int callers, int lanes, long delayNs, double seconds)
      throws BackendException, InterruptedException {
    EngineOptions options =
        EngineOptions.builder()
            .maxBatch(MAX_BATCH)
            .lanes(lanes)
            .maxDelay(Duration.ofNanos(delayNs))
            .build();
    ConcurrentHistogram latencyNs = new ConcurrentHistogram(60_000_000_000L, 3);
    AtomicLong wrong = new AtomicLong();
    AtomicLong answered = new AtomicLong();
    AtomicBoolean measuring = new AtomicBoolean();
    AtomicBoolean stop = new AtomicBoolean();
    try (Engine engine = Engine.over(new SpinBackend(BASE_NS, ROW_NS), true, options)) {
      CountDownLatch ended = new CountDownLatch(callers);
      for (int i = 0; i < callers; i++) {
        long seed = i;
        Thread.ofPlatform()
            .start(() -> {
              try {
                call(engine, seed, measuring, stop, latencyNs, answered, wrong);
              } finally {
                ended.countDown();
              }
            });
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
