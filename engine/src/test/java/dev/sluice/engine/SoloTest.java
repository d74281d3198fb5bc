package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.engine.InferenceException.Reason;
import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Buffers of one row that a caller takes for itself, and runs without a lane. */
@Timeout(60)
@SuppressWarnings("try") // requests are closed early, to claim anew
class SoloTest {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final Duration SECONDS = Duration.ofSeconds(30);

  private static Engine engine(FakeBackend backend, int soloBuffers) throws BackendException {
    return engine(backend, options(soloBuffers));
  }

  private static Engine engine(FakeBackend backend, EngineOptions.Builder options)
      throws BackendException {
    return Engine.over(backend, true, options.build());
  }

  private static EngineOptions.Builder options(int soloBuffers) {
    return EngineOptions.builder().maxBatch(8).lanes(1).soloBuffers(soloBuffers);
  }

  private static void ask(Request request, long x) throws InterruptedException {
    assertThat(request.claim(1, SECONDS)).isEqualTo(Admission.ADMITTED);
    request.input(0).set(LONG, 0, x);
    assertThat(request.run().output(0).get(LONG, 0)).isEqualTo(FakeBackend.answer(x));
    request.close();
  }

  private static <T> Future<T> start(Thread.Builder threads, Callable<T> body) {
    FutureTask<T> task = new FutureTask<>(body);
    threads.start(task);
    return task;
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void callersWithBuffersOfTheirOwnRunAtOnceAndTheNextShares() throws Exception {
    CyclicBarrier three = new CyclicBarrier(3);
    AtomicInteger shared = new AtomicInteger();
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, memory, rows) -> {
              shared.addAndGet(memory.maxRows() == 8 ? 1 : 0);
              try {
                // Two without a lane, one on the only lane.
                three.await(30, TimeUnit.SECONDS);
              } catch (Exception e) {
                throw new AssertionError(e);
              }
            });
    try (Engine engine = engine(backend, 2)) {
      List<Future<Boolean>> all = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        long x = i;
        all.add(
            start(
                Thread.ofPlatform(),
                () -> {
                  ask(engine.newRequest(), x);
                  return true;
                }));
      }
      for (Future<Boolean> each : all) {
        assertThat(each.get(30, TimeUnit.SECONDS)).isTrue();
      }
      assertThat(shared.get()).isEqualTo(1);
      assertThat(engine.stats().runsByRows()).containsExactlyEntriesOf(Map.of(1, 3L));
    }
    assertThat(backend.liveMemories()).isZero();
    assertThat(backend.liveLanes()).isZero();
  }

  @Test
  void anEngineThatCanNotHaveThemAllLeavesNothingOpen() {
    FakeBackend backend = new FakeBackend(1, (lane, memory, rows) -> {});
    backend.mostLanes(4);
    assertThatThrownBy(() -> engine(backend, 8)).hasMessageContaining("no lane");
    assertThat(backend.liveLanes()).isZero();
    assertThat(backend.liveMemories()).isZero();
    assertThat(backend.closed()).isTrue();
  }

  @Test
  void manyRowsAndExactBatchesAreShared() throws Exception {
    AtomicInteger largest = new AtomicInteger();
    FakeBackend backend = new FakeBackend(1, (lane, memory, rows) -> largest.set(memory.maxRows()));
    try (Engine engine = engine(backend, 2)) {
      Request request = engine.newRequest();
      assertThat(request.claim(2, SECONDS)).isEqualTo(Admission.ADMITTED);
      request.run();
      request.close();
      assertThat(largest.get()).isEqualTo(8);
      ask(request, 1);
      assertThat(largest.get()).isEqualTo(1);
    }
    FakeBackend exact = new FakeBackend(1, (lane, memory, rows) -> largest.set(rows));
    try (Engine engine = engine(exact, options(2).exactBatch(true))) {
      ask(engine.newRequest(), 1);
      assertThat(largest.get()).isEqualTo(8);
    }
  }

  @Test
  void noneAreThereByDefaultWhereLanesOrBatchesAreGiven() {
    assertThat(EngineOptions.builder().build().soloBuffers(7)).isEqualTo(7);
    assertThat(EngineOptions.builder().lanes(1).build().soloBuffers(7)).isZero();
    assertThat(EngineOptions.builder().maxBatch(4).build().soloBuffers(7)).isZero();
    assertThat(EngineOptions.builder().buffersPerShape(4).build().soloBuffers(7)).isZero();
    assertThat(EngineOptions.builder().lanes(1).soloBuffers(3).build().soloBuffers(7)).isEqualTo(3);
  }

  @Test
  void aFailedRunFailsItsRequestAloneAndABrokenOneGoesToTheLanes() throws Exception {
    AtomicBoolean fails = new AtomicBoolean(true);
    AtomicInteger lanes = new AtomicInteger();
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, memory, rows) -> {
              lanes.addAndGet(lane == 0 ? 1 : 0);
              if (fails.getAndSet(false)) {
                throw new BackendException("chosen to fail", null);
              }
            });
    try (Engine engine = engine(backend, 1)) {
      Request request = engine.newRequest();
      assertThatThrownBy(() -> ask(request, 1)).hasMessageContaining("chosen to fail");
      ask(request, 2);
      assertThat(lanes.get()).as("runs on the lane").isZero();
      fails.set(true);
      backend.refuseLanes(1);
      assertThatThrownBy(() -> ask(request, 3)).hasMessageContaining("chosen to fail");
      ask(request, 4);
      ask(request, 5);
      assertThat(lanes.get()).as("runs on the lane").isEqualTo(2);
      assertThat(engine.stats().usableLanes()).isEqualTo(1);
    }
  }

  @Test
  void oneThatIsNotSubmittedIsAbandonedAndItsBufferComesBack() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, memory, rows) -> {});
    try (Engine engine = engine(backend, options(1).claimTimeout(Duration.ofMillis(40)))) {
      Request late = engine.newRequest();
      assertThat(late.claim(1, SECONDS)).isEqualTo(Admission.ADMITTED);
      while (engine.stats().quarantined() == 0) {
        Thread.sleep(1);
      }
      ask(engine.newRequest(), 1);
      assertThatThrownBy(late::run)
          .isInstanceOfSatisfying(
              InferenceException.class, e -> assertThat(e.reason()).isEqualTo(Reason.ABANDONED));
      assertThat(engine.stats().quarantined()).isZero();
      long before = engine.stats().rows();
      ask(late, 2);
      assertThat(engine.stats().rows()).isEqualTo(before + 1);
    }
  }

  @Test
  void roundsThatAreNotTimedAreAbandonedAndOverdueToo() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, memory, rows) -> {});
    Duration timeout = Duration.ofMillis(40);
    try (Engine engine = engine(backend, options(1).claimTimeout(timeout).readTimeout(timeout))) {
      Request request = engine.newRequest();
      // Once runs have been short for a while, the round after one that was timed is not.
      long timed = -1;
      for (int i = 0; i < 10_000 || engine.stats().runNs().count() == timed; i++) {
        timed = engine.stats().runNs().count();
        ask(request, i);
      }
      timed = engine.stats().runNs().count();
      long startNs = System.nanoTime();
      assertThat(request.claim(1, SECONDS)).isEqualTo(Admission.ADMITTED);
      while (engine.stats().quarantined() == 0) {
        Thread.sleep(1);
      }
      assertThat(System.nanoTime() - startNs).isGreaterThanOrEqualTo(timeout.toNanos());
      assertThatThrownBy(request::run).isInstanceOf(InferenceException.class);
      assertThat(engine.stats().quarantined()).isZero();
      startNs = System.nanoTime();
      assertThat(request.claim(1, SECONDS)).isEqualTo(Admission.ADMITTED);
      request.run();
      while (engine.stats().quarantined() == 0) {
        Thread.sleep(1);
      }
      assertThat(System.nanoTime() - startNs).isGreaterThanOrEqualTo(timeout.toNanos());
      request.close();
      assertThat(engine.stats().quarantined()).isZero();
      assertThat(engine.stats().runNs().count()).as("rounds that were timed").isEqualTo(timed);
    }
    assertThat(backend.closed()).isTrue();
  }

  @Test
  void anExpiredOneDoesNotRunAndAWithdrawnOneLeavesNothing() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    FakeBackend backend = new FakeBackend(1, (lane, memory, rows) -> runs.incrementAndGet());
    AtomicLong skew = new AtomicLong();
    try (Engine engine = engine(backend, options(1).clock(() -> System.nanoTime() + skew.get()))) {
      Request request = engine.newRequest().deadlineIn(Duration.ofMillis(100));
      assertThat(request.claim(1, SECONDS)).isEqualTo(Admission.ADMITTED);
      skew.set(200_000_000);
      assertThatThrownBy(request::run)
          .isInstanceOfSatisfying(
              InferenceException.class, e -> assertThat(e.reason()).isEqualTo(Reason.EXPIRED));
      request.deadlineIn(Duration.ZERO);
      for (int i = 0; i < 100; i++) {
        assertThat(request.claim(1, SECONDS)).isEqualTo(Admission.ADMITTED);
        request.close();
      }
      assertThat(runs.get()).isZero();
      ask(request, 1);
      assertThat(runs.get()).isEqualTo(1);
    }
    assertThat(backend.closed()).isTrue();
  }

  @Test
  void whoSubmitsToACallbackSharesTheNextTime() throws Exception {
    AtomicInteger largest = new AtomicInteger();
    FakeBackend backend = new FakeBackend(1, (lane, memory, rows) -> largest.set(memory.maxRows()));
    try (Engine engine = engine(backend, 1)) {
      Request request = engine.newRequest();
      for (int expected : new int[] {1, 8}) {
        assertThat(request.claim(1, SECONDS)).isEqualTo(Admission.ADMITTED);
        request.input(0).set(LONG, 0, 3);
        CountDownLatch told = new CountDownLatch(1);
        AtomicLong answer = new AtomicLong();
        request.submit((r, failure) -> {
          answer.set(r.output(0).get(LONG, 0));
          r.close();
          told.countDown();
        });
        await(told);
        assertThat(answer.get()).isEqualTo(FakeBackend.answer(3));
        assertThat(largest.get()).isEqualTo(expected);
      }
    }
  }

  @Test
  void closingWaitsForARunWithoutALane() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, memory, rows) -> {
              running.countDown();
              await(go);
            });
    Engine engine = engine(backend, 1);
    Request request = engine.newRequest();
    Future<Boolean> answered =
        start(
            Thread.ofPlatform(),
            () -> {
              ask(request, 7);
              return true;
            });
    await(running);
    Future<Boolean> closed =
        start(
            Thread.ofPlatform(),
            () -> {
              engine.close();
              return true;
            });
    Thread.sleep(50);
    assertThat(backend.closed()).isFalse();
    go.countDown();
    assertThat(answered.get(30, TimeUnit.SECONDS)).isTrue();
    assertThat(closed.get(30, TimeUnit.SECONDS)).isTrue();
    assertThat(backend.closed()).isTrue();
    assertThat(request.tryClaim(1)).isEqualTo(Admission.CLOSED);
  }

  @Test
  void aLoneVirtualCallerHasItsOwnAndManyGatherInBatches() throws Exception {
    AtomicInteger alone = new AtomicInteger();
    FakeBackend backend =
        new FakeBackend(1, (lane, memory, rows) -> alone.addAndGet(memory.maxRows() == 1 ? 1 : 0));
    try (Engine engine = engine(backend, 4)) {
      start(
              Thread.ofVirtual(),
              () -> {
                Request request = engine.newRequest();
                for (int i = 0; i < 640; i++) {
                  ask(request, i);
                }
                return true;
              })
          .get(30, TimeUnit.SECONDS);
      assertThat(alone.get()).as("it looks for company once in 64 claims").isEqualTo(630);
      long before = engine.stats().rows();
      List<Future<Boolean>> many = new ArrayList<>();
      for (int c = 0; c < 32; c++) {
        many.add(
            start(
                Thread.ofVirtual(),
                () -> {
                  Request request = engine.newRequest();
                  for (int i = 0; i < 2_000; i++) {
                    ask(request, i);
                  }
                  return true;
                }));
      }
      for (Future<Boolean> each : many) {
        each.get(50, TimeUnit.SECONDS);
      }
      assertThat(engine.stats().rows() - before).isEqualTo(64_000);
      assertThat(engine.stats().batchRows().max()).isGreaterThan(1);
    }
  }

  @Test
  void everyRunIsCountedThoughFewAreTimed() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, memory, rows) -> {});
    try (Engine engine = engine(backend, 1)) {
      Request request = engine.newRequest();
      for (int i = 0; i < 8_000; i++) {
        ask(request, i);
      }
      EngineStats stats = engine.stats();
      assertThat(stats.rows()).isEqualTo(8_000);
      assertThat(stats.batchRows().count()).isEqualTo(8_000);
      assertThat(stats.runNs().count()).isBetween(1_000L, 8_000L);
      assertThat(stats.readNs().count()).isEqualTo(stats.runNs().count());
    }
  }

  @Test
  void aVirtualThreadLeadsALongRunWhereOthersKeepACarrier() throws Exception {
    AtomicReference<Thread> ran = new AtomicReference<>();
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, memory, rows) -> {
              ran.set(Thread.currentThread());
              long untilNs = System.nanoTime() + 3_000_000;
              while (System.nanoTime() - untilNs < 0) {
                Thread.onSpinWait();
              }
            });
    try (Engine engine = engine(backend, 0)) {
      boolean led =
          start(
                  Thread.ofVirtual(),
                  () -> {
                    Request request = engine.newRequest();
                    boolean own = true;
                    for (int i = 0; i < 20; i++) {
                      ask(request, i);
                      own &= i < 2 || ran.get() == Thread.currentThread();
                    }
                    return own;
                  })
              .get(30, TimeUnit.SECONDS);
      assertThat(led).isEqualTo(Runtime.getRuntime().availableProcessors() > 1);
    }
  }
}
