package dev.sluice.converter.load;

import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineStats;
import dev.sluice.engine.backend.BackendException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;

/**
 * Makes load on an engine and measures it.
 *
 * <p>Thread safety: stateless; two loads at once disturb each other.
 */
public final class LoadGenerator {
  private LoadGenerator() {}

  /** The times of a load, as values of {@link System#nanoTime}. */
  record Window(long startNs, long measureNs, long endNs) {}

  /** What all callers of a load share. */
  static final class Shared {
    final LoadSamples samples;
    final LoadPlan plan;
    final CountDownLatch ready;
    final CountDownLatch go = new CountDownLatch(1);
    final AtomicLong nextDue = new AtomicLong();
    volatile Window window;

    Shared(LoadSamples samples, LoadPlan plan) {
      this.samples = samples;
      this.plan = plan;
      this.ready = new CountDownLatch(plan.callers());
    }
  }

  /**
   * Runs a load; takes its warm-up and its duration.
   *
   * @throws BackendException where the engine has no memory for the samples' shapes
   * @throws InterruptedException where the calling thread is interrupted; the callers end then
   */
  public static LoadReport run(Engine engine, LoadSamples samples, LoadPlan plan)
      throws BackendException, InterruptedException {
    Shared shared = new Shared(samples, plan);
    List<Caller> callers = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < plan.callers(); i++) {
      Caller caller = new Caller(engine, shared, i);
      callers.add(caller);
      threads.add(
          (plan.virtual() ? Thread.ofVirtual() : Thread.ofPlatform().daemon())
              .name("caller-" + i)
              .unstarted(caller));
    }
    EngineStats before;
    EngineStats after;
    try {
      threads.forEach(Thread::start);
      shared.ready.await();
      long startNs = System.nanoTime();
      long measureNs = startNs + plan.warmUp().toNanos();
      Window window = new Window(startNs, measureNs, measureNs + plan.duration().toNanos());
      shared.window = window;
      shared.go.countDown();
      sleepUntil(window.measureNs());
      before = engine.stats();
      sleepUntil(window.endNs());
      after = engine.stats();
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      threads.forEach(Thread::interrupt);
      throw e;
    }
    return report(plan, samples, callers, runs(before, after), shared);
  }

  private static void sleepUntil(long timeNs) throws InterruptedException {
    for (long left = timeNs - System.nanoTime(); left > 0; left = timeNs - System.nanoTime()) {
      TimeUnit.NANOSECONDS.sleep(left);
    }
  }

  private static SortedMap<Integer, Long> runs(EngineStats before, EngineStats after) {
    SortedMap<Integer, Long> runs = new TreeMap<>(after.runsByRows());
    before.runsByRows().forEach((rows, count) -> runs.merge(rows, -count, Long::sum));
    runs.values().removeIf(count -> count <= 0);
    return runs;
  }

  private static LoadReport report(
      LoadPlan plan,
      LoadSamples samples,
      List<Caller> callers,
      SortedMap<Integer, Long> runs,
      Shared shared) {
    Histogram latencyNs = new Histogram(Caller.DIGITS);
    long rows = 0;
    long rejected = 0;
    long errors = 0;
    long allocatedBytes = 0;
    long counted = 0;
    for (Caller caller : callers) {
      latencyNs.add(caller.latencyNs());
      rows += caller.rows();
      rejected += caller.rejected();
      errors += caller.errors();
      allocatedBytes += caller.allocatedBytes();
      counted += caller.counted();
    }
    String firstError =
        callers.stream().map(Caller::firstError).filter(Objects::nonNull).findFirst().orElse(null);
    double seconds = plan.duration().toNanos() / 1e9;
    long due = (long) (plan.ratePerS() * (plan.warmUp().toNanos() / 1e9 + seconds));
    return new LoadReport(
        plan,
        samples.rows(),
        rows,
        seconds,
        new LoadReport.Latency(
            latencyNs.getValueAtPercentile(50) / 1e3,
            latencyNs.getValueAtPercentile(90) / 1e3,
            latencyNs.getValueAtPercentile(99) / 1e3,
            latencyNs.getValueAtPercentile(99.9) / 1e3,
            latencyNs.getMaxValue() / 1e3),
        runs,
        plan.virtual() || counted == 0
            ? OptionalDouble.empty()
            : OptionalDouble.of((double) allocatedBytes / counted),
        rejected,
        errors,
        firstError,
        plan.isOpen() ? Math.max(0, due - shared.nextDue.get()) : 0);
  }
}
