package dev.sluice.bench.load;

import dev.sluice.bench.load.SpinLoad.Outcome;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.backend.BackendException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadFactory;

/**
 * What batch buffers gain: closed-loop callers on a {@link SpinBackend}, over the number of buffers
 * of a shape. Its figures are behind the default of {@code EngineOptions.buffersPerShape}.
 *
 * <p>Each row of the table is the median of its throughput over {@value SpinLoad#ROUNDS} rounds.
 * Every answer is checked.
 */
public final class BuffersScenario {
  private static final long BASE_NS = 20_000;
  private static final long ROW_NS = 4_000;
  private static final int MAX_BATCH = 16;
  private static final int LANES = 2;
  private static final int[] BUFFERS = {4, 6, 12, 32, 64};
  private static final Duration MAX_DELAY = Duration.ofNanos(50_000);

  private BuffersScenario() {}

  /** Prints the table. The one argument, seconds of each measurement, is 2 by default. */
  public static void main(String[] args) throws Exception {
    double seconds = args.length > 0 ? Double.parseDouble(args[0]) : 2;
    System.out.printf(
        Locale.ROOT,
        "runs of %d us + %d us a row, batches of %d rows, %d lanes, %d cores, JDK %s%n%n",
        BASE_NS / 1_000,
        ROW_NS / 1_000,
        MAX_BATCH,
        LANES,
        Runtime.getRuntime().availableProcessors(),
        Runtime.version());
    System.out.println("callers   threads  buffers    rows/s   p50 us   p99 us  mean batch  wrong");
    for (int callers : new int[] {16, 64, 256, 1000}) {
      print(callers, "platform", Thread.ofPlatform().factory(), seconds);
      print(callers, "virtual", Thread.ofVirtual().factory(), seconds);
    }
  }

  private static void print(int callers, String kind, ThreadFactory threads, double seconds)
      throws Exception {
    List<SpinLoad.Setting> settings = new ArrayList<>();
    for (int buffers : BUFFERS) {
      settings.add(() -> measure(callers, threads, buffers, seconds));
    }
    List<Outcome> outcomes = SpinLoad.inTurns(settings);
    for (int i = 0; i < BUFFERS.length; i++) {
      System.out.printf(
          Locale.ROOT, "%7d %9s %8d %s%n", callers, kind, BUFFERS[i], outcomes.get(i));
    }
  }

  static Outcome measure(int callers, ThreadFactory threads, int buffers, double seconds)
      throws BackendException, InterruptedException {
    EngineOptions options =
        EngineOptions.builder()
            .maxBatch(MAX_BATCH)
            .lanes(LANES)
            .maxDelay(MAX_DELAY)
            .buffersPerShape(buffers)
            .build();
    return new SpinLoad(BASE_NS, ROW_NS, callers, threads).measure(options, seconds);
  }
}
