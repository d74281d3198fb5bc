package dev.sluice.converter.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.InferenceException;
import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LoadGeneratorTest {
  private static final Duration NO_TIME = Duration.ZERO;
  private static final Duration SHORT = Duration.ofMillis(400);

  private final TripleBackend backend = new TripleBackend();
  private Engine engine;
  private LoadSamples samples;

  @BeforeEach
  void open() throws BackendException, InterruptedException {
    EngineOptions options = EngineOptions.builder().maxBatch(8).lanes(1).build();
    engine = Engine.over(backend, true, options);
    samples = TripleBackend.samples(engine, 1);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private static void sleep(long millis) {
    try {
      TimeUnit.MILLISECONDS.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void countsEveryAnswerOfAClosedLoop() throws Exception {
    LoadReport report = LoadGenerator.run(engine, samples, LoadPlan.closed(4, NO_TIME, SHORT));
    assertThat(report.errors()).isZero();
    assertThat(report.rejected()).isZero();
    assertThat(report.rows()).isPositive();
    assertThat(report.meanBatch()).isBetween(1.0, 4.0);
    assertThat(report.throughputPerS()).isEqualTo(report.rows() / 0.4);
  }

  @Test
  void aWrongAnswerIsAnError() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    backend.fault =
        (answers, rows) -> {
          if (runs.incrementAndGet() == 5) {
            answers.set(ValueLayout.JAVA_LONG, 0, -1);
          }
        };
    LoadReport report = LoadGenerator.run(engine, samples, LoadPlan.closed(3, NO_TIME, SHORT));
    assertThat(report.errors()).isEqualTo(1);
    assertThat(report.firstError()).contains("differs");
  }

  @Test
  void theAnswerOfAnotherRowIsAnError() throws Exception {
    LoadSamples pairs = TripleBackend.samples(engine, 2);
    backend.fault =
        (answers, rows) -> {
          long first = answers.getAtIndex(ValueLayout.JAVA_LONG, 0);
          answers.setAtIndex(
              ValueLayout.JAVA_LONG, 0, answers.getAtIndex(ValueLayout.JAVA_LONG, 1));
          answers.setAtIndex(ValueLayout.JAVA_LONG, 1, first);
        };
    LoadReport report = LoadGenerator.run(engine, pairs, LoadPlan.closed(1, NO_TIME, SHORT));
    assertThat(report.errors()).isPositive();
  }

  @Test
  void aFailedRunIsAnErrorForEachOfItsRequests() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    backend.fault =
        (answers, rows) -> {
          if (runs.incrementAndGet() == 3) {
            throw new BackendException("run(…) failed on purpose", null);
          }
        };
    LoadReport report = LoadGenerator.run(engine, samples, LoadPlan.closed(1, NO_TIME, SHORT));
    assertThat(report.errors()).isEqualTo(1);
    assertThat(report.firstError()).contains("failed on purpose");
    assertThat(report.rows()).isPositive();
  }

  @Test
  void anOpenLoopChargesAStallToAllThatWereDueMeanwhile() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    backend.fault =
        (answers, rows) -> {
          if (runs.incrementAndGet() == 10) {
            sleep(200);
          }
        };
    LoadPlan plan = new LoadPlan(64, 500, NO_TIME, SHORT, false);
    LoadReport report = LoadGenerator.run(engine, samples, plan);
    assertThat(report.errors()).isZero();
    // About half of the 200 requests were due in the stall, evenly spread over its 200 ms.
    assertThat(report.latencyUs().max()).isGreaterThan(150_000);
    assertThat(report.latencyUs().p90()).isGreaterThan(50_000);
    assertThat(report.rows() + report.rejected() + report.notSent()).isBetween(150L, 201L);
  }

  @Test
  void anOpenLoopThatCannotKeepUpEndsAndSaysSo() throws Exception {
    backend.fault = (answers, rows) -> sleep(20);
    LoadPlan plan = new LoadPlan(2, 10_000, NO_TIME, SHORT, true);
    LoadReport report = LoadGenerator.run(engine, samples, plan);
    assertThat(report.notSent()).isGreaterThan(3_000);
    assertThat(report.latencyUs().p50()).isGreaterThan(20_000);
    assertThat(report.allocatedBytesPerInference()).isEmpty();
  }

  @Test
  void anAnswerThatCannotBeHadAloneIsToldAtOnce() {
    backend.fault =
        (answers, rows) -> {
          throw new BackendException("run(…) failed on purpose", null);
        };
    assertThatThrownBy(() -> TripleBackend.samples(engine, 1))
        .isInstanceOf(InferenceException.class);
  }

  @Test
  void absurdPlansAreRefused() {
    assertThatThrownBy(() -> LoadPlan.closed(0, NO_TIME, SHORT))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> LoadPlan.closed(1, NO_TIME, NO_TIME))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new LoadPlan(1, Double.NaN, NO_TIME, SHORT, false))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
