package dev.sluice.bench.load;

import dev.sluice.bench.load.SpinLoad.Outcome;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.backend.BackendException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What waiting for company gains: closed-loop callers on a {@link SpinBackend}, over lanes and
 * {@code maxDelay}. Its figures are behind the default of {@code EngineOptions.maxDelay}.
 *
 * <p>Each row of the table is the median of its throughput over {@value SpinLoad#ROUNDS} rounds.
 * Every answer is checked.
 */
public final class CompanyScenario {
  private static final long BASE_NS = 150_000;
  private static final long ROW_NS = 17_000;
  private static final int MAX_BATCH = 64;
  private static final long[] DELAYS_US = {0, 50, 200, 1_000};

  private CompanyScenario() {}

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
    List<SpinLoad.Setting> settings = new ArrayList<>();
    for (long delayUs : DELAYS_US) {
      settings.add(() -> measure(callers, lanes, delayUs * 1_000, seconds));
    }
    List<Outcome> outcomes = SpinLoad.inTurns(settings);
    for (int i = 0; i < DELAYS_US.length; i++) {
      System.out.printf(
          Locale.ROOT, "%7d %6d %12d %s%n", callers, lanes, DELAYS_US[i], outcomes.get(i));
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
    return new SpinLoad(BASE_NS, ROW_NS, callers, Thread.ofPlatform().factory())
        .measure(options, seconds);
  }
}
