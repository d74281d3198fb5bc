package dev.sluice.converter.load;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.converter.load.LoadReport.Latency;
import dev.sluice.converter.load.TimedRuns.Run;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.backend.BackendException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The quantiles that a load reports, against those that follow from what each run took.
 *
 * <p>A lone caller's latency lies between two values that the backend notes, however busy the
 * machine is: it holds the request's own run, and ends before the next begins. So these quantiles
 * have to fit to the histogram's 1 %, and no test waits for luck. Of many callers nobody sees when
 * one wakes up after a run, so they are held against the least value only.
 */
@Timeout(60)
class KnownQuantilesTest {
  /** Two significant digits of the histogram. */
  private static final double ERROR = 0.01;

  private static final Duration NO_TIME = Duration.ZERO;

  /** A load and the runs that it made. */
  private record Measured(LoadReport report, List<Run> runs, long beforeNs, long afterNs) {}

  private static Measured load(TimedRuns pattern, LoadPlan plan)
      throws BackendException, InterruptedException {
    TripleBackend backend = new TripleBackend();
    // A buffer for each caller and one that is open: nobody is refused.
    EngineOptions options =
        EngineOptions.builder().maxBatch(64).lanes(1).buffersPerShape(plan.callers() + 1).build();
    try (Engine engine = Engine.over(backend, true, options)) {
      LoadSamples samples = TripleBackend.samples(engine, 1);
      backend.fault = pattern;
      long beforeNs = System.nanoTime();
      LoadReport report = LoadGenerator.run(engine, samples, plan);
      long afterNs = System.nanoTime();
      assertThat(report.errors()).as(report.firstError()).isZero();
      assertThat(report.rejected()).isZero();
      assertThat(report.notSent()).isZero();
      return new Measured(report, pattern.runs(), beforeNs, afterNs);
    }
  }

  private static Map<Double, Double> byPercentile(Latency us) {
    Map<Double, Double> values = new LinkedHashMap<>();
    values.put(50.0, us.p50());
    values.put(90.0, us.p90());
    values.put(99.0, us.p99());
    values.put(99.9, us.p999());
    values.put(100.0, us.max());
    return values;
  }

  /** The least value that so many percent are at most. */
  private static double at(List<Long> valuesNs, double percentile) {
    List<Long> sorted = new ArrayList<>(valuesNs);
    Collections.sort(sorted);
    int rank = (int) Math.ceil(Math.nextDown(percentile) * sorted.size() / 100);
    return sorted.get(Math.max(rank, 1) - 1);
  }

  private static void assertAtLeast(LoadReport report, List<Long> leastNs) {
    byPercentile(report.latencyUs())
        .forEach((percentile, us) ->
            assertThat(us * 1e3)
                .as("p%s", percentile)
                .isGreaterThanOrEqualTo(at(leastNs, percentile) * (1 - ERROR)));
  }

  private static void assertBetween(LoadReport report, List<Long> leastNs, List<Long> mostNs) {
    assertThat(leastNs).hasSameSizeAs(mostNs);
    assertAtLeast(report, leastNs);
    byPercentile(report.latencyUs())
        .forEach((percentile, us) ->
            assertThat(us * 1e3)
                .as("p%s", percentile)
                .isLessThanOrEqualTo(at(mostNs, percentile) * (1 + ERROR)));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aClosedLoopReportsWhatTheRunsTook(boolean virtual) throws Exception {
    // Of 100 runs 87.5 take 2 ms, 10 take 20 ms and 2.5 take 60 ms.
    TimedRuns pattern = new TimedRuns(run -> run % 40 == 7 ? 60 : run % 8 == 7 ? 20 : 2);
    Measured measured =
        load(pattern, new LoadPlan(1, 0, NO_TIME, Duration.ofMillis(1_500), virtual));
    List<Run> runs = measured.runs();
    List<Long> leastNs = new ArrayList<>();
    List<Long> mostNs = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      leastNs.add(runs.get(i).tookNs());
      long sentNs = i == 0 ? measured.beforeNs() : runs.get(i - 1).endNs();
      mostNs.add(nextStartNs(measured, i) - sentNs);
    }
    assertThat(at(leastNs, 50)).isBetween(2e6, 20e6);
    assertThat(at(leastNs, 90)).isBetween(20e6, 60e6);
    assertThat(at(leastNs, 99)).isGreaterThanOrEqualTo(60e6);
    assertBetween(measured.report(), leastNs, mostNs);
  }

  /** A lone caller has its answer by then. */
  private static long nextStartNs(Measured measured, int run) {
    boolean last = run + 1 == measured.runs().size();
    return last ? measured.afterNs() : measured.runs().get(run + 1).startNs();
  }

  /** From when a lone caller's requests were due, from the one of a number on. */
  private static List<Long> mostNs(Measured measured, int first, long periodNs) {
    List<Long> mostNs = new ArrayList<>();
    for (int i = first; i < measured.runs().size(); i++) {
      mostNs.add(nextStartNs(measured, i) - (measured.beforeNs() + i * periodNs));
    }
    return mostNs;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anOpenLoopReportsWhatAQueueBeforeOneServerGives(boolean virtual) throws Exception {
    int rate = 100;
    long periodNs = 1_000_000_000 / rate;
    // A run of 200 ms holds up some 33 behind it, as each takes 4 ms of the 10 to the next.
    TimedRuns pattern = new TimedRuns(run -> run % 50 == 10 ? 200 : 4);
    Measured measured =
        load(pattern, new LoadPlan(1, rate, NO_TIME, Duration.ofMillis(1_600), virtual));
    List<Run> runs = measured.runs();
    assertThat(runs).hasSize(160);
    List<Long> leastNs = new ArrayList<>();
    long waitNs = 0;
    for (int i = 0; i < runs.size(); i++) {
      // What waits when the next is due: Lindley's recursion.
      leastNs.add(waitNs + runs.get(i).tookNs());
      waitNs = Math.max(0, waitNs + runs.get(i).tookNs() - periodNs);
    }
    assertThat(at(leastNs, 50)).as("half of them waited").isGreaterThan(10e6);
    assertBetween(measured.report(), leastNs, mostNs(measured, 0, periodNs));
  }

  /** From {@code longestNs} down, each a period less, as those that are due in a stall wait. */
  private static List<Long> ramp(long longestNs, long periodNs, int count) {
    List<Long> latenciesNs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      latenciesNs.add(Math.max(0, longestNs - i * periodNs));
    }
    return latenciesNs;
  }

  @ParameterizedTest
  @CsvSource({"1, false", "16, false", "16, true"})
  void aStallIsChargedToAllThatWereDueInIt(int callers, boolean virtual) throws Exception {
    int rate = 400;
    long periodNs = 1_000_000_000 / rate;
    // 160 of 400 are due in the stall, ten for each of 16 callers.
    TimedRuns pattern = new TimedRuns(run -> run == 20 ? 400 : 0);
    Measured measured =
        load(pattern, new LoadPlan(callers, rate, NO_TIME, Duration.ofSeconds(1), virtual));
    int requests = measured.runs().stream().mapToInt(Run::rows).sum();
    assertThat(requests).isEqualTo(400);
    List<Long> ramp = ramp(measured.runs().get(20).tookNs(), periodNs, requests);
    assertThat(at(ramp, 90)).isGreaterThan(290e6);
    assertAtLeast(measured.report(), ramp);
    if (callers == 1) {
      assertBetween(measured.report(), ramp, mostNs(measured, 0, periodNs));
      // From when it was sent, a request tells of its own run alone.
      List<Long> fromSendNs = measured.runs().stream().map(Run::tookNs).toList();
      assertThat(at(fromSendNs, 99)).isLessThan(at(ramp, 90) / 2);
    }
  }

  @Test
  void aClosedLoopHidesTheSameStall() throws Exception {
    TimedRuns pattern = new TimedRuns(run -> run == 20 ? 400 : 0);
    Measured measured = load(pattern, LoadPlan.closed(1, NO_TIME, Duration.ofSeconds(1)));
    assertThat(measured.runs()).hasSizeGreaterThan(101);
    assertThat(measured.report().latencyUs().max()).isGreaterThanOrEqualTo(400e3 * (1 - ERROR));
    assertThat(measured.report().latencyUs().p99()).isLessThan(290e3 / 2);
  }

  @Test
  void aStallInTheWarmUpIsChargedToWhatWasDueAfterIt() throws Exception {
    int rate = 200;
    long periodNs = 1_000_000_000 / rate;
    // Due at 200 ms, done at 600 ms; what is due from 400 ms on is measured.
    TimedRuns pattern = new TimedRuns(run -> run == 40 ? 400 : 0);
    LoadPlan plan = new LoadPlan(1, rate, Duration.ofMillis(400), Duration.ofMillis(800), false);
    Measured measured = load(pattern, plan);
    assertThat(measured.runs()).hasSize(240);
    List<Long> ramp = ramp(measured.runs().get(40).tookNs() - 40 * periodNs, periodNs, 160);
    assertThat(at(ramp, 100)).isGreaterThanOrEqualTo(200e6);
    assertBetween(measured.report(), ramp, mostNs(measured, 80, periodNs));
  }
}
