package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.engine.InferenceException.Reason;
import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
@SuppressWarnings("try") // requests are closed early, to claim anew
class EngineTest {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

  private static Engine engine(FakeBackend backend, EngineOptions.Builder options)
      throws BackendException {
    return Engine.over(backend, true, options.build());
  }

  private static EngineOptions.Builder options(int maxBatch, int lanes) {
    return EngineOptions.builder().maxBatch(maxBatch).lanes(lanes);
  }

  private static long call(Engine engine, long x) throws InterruptedException {
    return engine.call(1, in -> in.input(0).set(LONG, 0, x), out -> out.output(0).get(LONG, 0));
  }

  @Test
  void aLoneCallerIsAnsweredOnItsOwnThread() throws Exception {
    AtomicReference<Thread> ran = new AtomicReference<>();
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> ran.set(Thread.currentThread()));
    try (Engine engine = engine(backend, options(8, 1))) {
      for (int i = 0; i < 100; i++) {
        assertThat(call(engine, i)).isEqualTo(FakeBackend.answer(i));
      }
      assertThat(ran.get()).isSameAs(Thread.currentThread());
      assertThat(engine.stats().batchRows().max()).isEqualTo(1);
    }
    assertThat(backend.closed()).isTrue();
    assertThat(backend.liveMemories()).isZero();
    assertThat(backend.liveLanes()).isZero();
  }

  @Test
  void theLastRequestHearsNothingOfABackendThatCanNotBeFreed() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> {});
    Engine engine = engine(backend, options(8, 1).drainTimeout(Duration.ZERO));
    Request request = engine.claim(1);
    engine.close();
    backend.close();
    // Frees the engine, whose own close of the backend is the second, which throws.
    request.close();
    assertThat(backend.liveMemories()).isZero();
    assertThat(backend.liveLanes()).isZero();
  }

  @Test
  void rowsClaimedWhileALaneIsBusyShareOneBatch() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    AtomicInteger runs = new AtomicInteger();
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, m, rows) -> {
              if (runs.getAndIncrement() == 0) {
                running.countDown();
                await(go);
              }
            });
    try (Engine engine = engine(backend, options(8, 1))) {
      CountDownLatch answered = new CountDownLatch(6);
      for (int i = 0; i < 6; i++) {
        Request request = engine.claim(1);
        long x = i;
        request.input(0).set(LONG, 0, x);
        request.submit((r, failure) -> {
          if (failure == null && r.output(0).get(LONG, 0) == FakeBackend.answer(x)) {
            answered.countDown();
          }
          r.close();
        });
        if (i == 0) {
          await(running);
        }
      }
      go.countDown();
      await(answered);
      assertThat(runs.get()).isEqualTo(2);
    }
  }

  @Test
  void everyStageIsMeasured() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> sleep(20));
    try (Engine engine = engine(backend, options(8, 1))) {
      Request request = engine.claim(1);
      sleep(10);
      request.run();
      sleep(30);
      request.close();
      EngineStats stats = engine.stats();
      assertThat(stats.writeNs().max()).isBetween(9_000_000L, 20_000_000_000L);
      assertThat(stats.runNs().max()).isBetween(19_000_000L, 20_000_000_000L);
      assertThat(stats.readNs().max()).isBetween(29_000_000L, 20_000_000_000L);
      assertThat(stats.waitNs().count()).isEqualTo(1);
      assertThat(stats.batchRows().count()).isEqualTo(1);
      assertThat(engine.stats()).as("reading wipes nothing out").isEqualTo(stats);
    }
  }

  private static void sleep(long ms) {
    quietly(() -> Thread.sleep(ms));
  }

  @Test
  void aFailedRunFailsItsRequestsAndTheLaneIsOpenedAnew() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, m, rows) -> {
              if (runs.getAndIncrement() == 0) {
                throw new BackendException("run(1) failed: do this", null);
              }
            });
    try (Engine engine = engine(backend, options(8, 1))) {
      assertThatThrownBy(() -> call(engine, 1))
          .isInstanceOfSatisfying(
              InferenceException.class,
              e -> assertThat(e.reason()).isEqualTo(Reason.BACKEND_FAILED))
          .hasMessageContaining("run(1) failed: do this");
      assertThat(call(engine, 2)).isEqualTo(FakeBackend.answer(2));
      assertThat(backend.lanesOpened()).isEqualTo(2);
      assertThat(backend.lanesPrepared()).isEqualTo(2);
    }
  }

  /** A backend whose first run fails, after which so many lanes are refused. */
  private static FakeBackend refusing(int lanes) {
    FakeBackend[] backend = new FakeBackend[1];
    AtomicInteger runs = new AtomicInteger();
    backend[0] =
        new FakeBackend(
            1,
            (lane, m, rows) -> {
              if (runs.getAndIncrement() == 0) {
                backend[0].refuseLanes(lanes);
                throw new BackendException("run(1) failed: do this", null);
              }
            });
    return backend[0];
  }

  @Test
  void aLaneThatCanNotBeOpenedAnewAtOnceIsTriedAgain() throws Exception {
    FakeBackend backend = refusing(4);
    try (Engine engine = engine(backend, options(8, 1))) {
      assertThatThrownBy(() -> call(engine, 1)).isInstanceOf(InferenceException.class);
      assertThat(call(engine, 2)).isEqualTo(FakeBackend.answer(2));
      assertThat(engine.failure()).isNull();
      assertThat(engine.stats().usableLanes()).isEqualTo(1);
      assertThat(backend.lanesOpened()).isEqualTo(2);
    }
    assertThat(backend.liveLanes()).isZero();
  }

  @Test
  void theEngineFailsWhereItsLastLaneDoesNotComeBack() throws Exception {
    FakeBackend backend = refusing(Integer.MAX_VALUE);
    try (Engine engine = engine(backend, options(8, 1))) {
      assertThatThrownBy(() -> call(engine, 1)).isInstanceOf(InferenceException.class);
      assertThatThrownBy(() -> call(engine, 2))
          .isInstanceOf(InferenceException.class)
          .hasMessageContaining("lane 0 can't be opened anew");
      assertThat(engine.newRequest().tryClaim(1)).isEqualTo(Admission.FAILED);
    }
    assertThat(backend.liveLanes()).isZero();
  }

  @Test
  void aLostDeviceFailsTheEngineAndRefusesClaims() throws Exception {
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, m, rows) -> {
              throw new BackendException("device lost", null, true);
            });
    try (Engine engine = engine(backend, options(8, 2))) {
      assertThatThrownBy(() -> call(engine, 1)).isInstanceOf(InferenceException.class);
      assertThat(engine.failure()).hasMessage("device lost");
      assertThat(engine.newRequest().tryClaim(1)).isEqualTo(Admission.FAILED);
    }
    assertThat(backend.closed()).isTrue();
  }

  @Test
  void aClaimThatIsNotSubmittedIsAbandonedAndItsBufferQuarantined() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> {});
    try (Engine engine = engine(backend, options(8, 1).claimTimeout(Duration.ofMillis(20)))) {
      Request stalled = engine.claim(1);
      MemorySegment late = stalled.input(0);
      assertThat(call(engine, 5)).isEqualTo(FakeBackend.answer(5));
      assertThat(engine.stats().quarantined()).isEqualTo(1);
      late.set(LONG, 0, 77);
      assertThatThrownBy(stalled::run)
          .isInstanceOfSatisfying(
              InferenceException.class, e -> assertThat(e.reason()).isEqualTo(Reason.ABANDONED));
      assertThat(engine.stats().quarantined()).isZero();
      assertThatThrownBy(() -> late.get(LONG, 0)).isInstanceOf(IllegalStateException.class);
    }
    assertThat(backend.liveMemories()).isZero();
  }

  @Test
  void tooManyLateCallersAreRefusedWithThatReason() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> {});
    try (Engine engine =
        engine(backend, options(1, 1).maxQuarantined(1).readTimeout(Duration.ofMillis(20)))) {
      Request slow = engine.claim(1);
      slow.input(0).set(LONG, 0, 3);
      Outputs out = slow.run();
      while (engine.stats().quarantined() == 0) {
        Thread.sleep(5);
      }
      assertThat(engine.newRequest().tryClaim(1)).isEqualTo(Admission.QUARANTINED);
      assertThat(out.output(0).get(LONG, 0)).isEqualTo(FakeBackend.answer(3));
      slow.close();
      try (Request next = engine.newRequest()) {
        assertThat(next.tryClaim(1)).isEqualTo(Admission.ADMITTED);
      }
    }
  }

  @Test
  void memoryHeldPastCloseIsFreedByItsHolder() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> {});
    Engine engine = engine(backend, options(4, 1).drainTimeout(Duration.ofMillis(10)));
    Request held = engine.claim(1);
    held.input(0).set(LONG, 0, 9);
    Outputs out = held.run();
    engine.close();
    assertThat(backend.closed()).isFalse();
    assertThat(out.output(0).get(LONG, 0)).isEqualTo(FakeBackend.answer(9));
    assertThat(engine.newRequest().tryClaim(1)).isEqualTo(Admission.CLOSED);
    held.close();
    held.close();
    engine.close();
    assertThat(backend.closed()).isTrue();
    assertThat(backend.liveMemories()).isZero();
  }

  @Test
  void anExpiredRowIsNotRunAloneAndEndsAsExpired() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    AtomicInteger runs = new AtomicInteger();
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, m, rows) -> {
              runs.incrementAndGet();
              running.countDown();
              await(go);
            });
    try (Engine engine = engine(backend, options(4, 1))) {
      Thread first = Thread.ofPlatform().start(() -> quietly(() -> call(engine, 1)));
      await(running);
      Request request = engine.newRequest().deadlineIn(Duration.ofMillis(5));
      assertThat(request.tryClaim(1)).isEqualTo(Admission.ADMITTED);
      AtomicReference<InferenceException> failure = new AtomicReference<>();
      CountDownLatch told = new CountDownLatch(1);
      request.submit((r, f) -> {
        failure.set(f);
        told.countDown();
      });
      Thread.sleep(10);
      go.countDown();
      await(told);
      first.join();
      assertThat(failure.get().reason()).isEqualTo(Reason.EXPIRED);
      assertThat(runs.get()).isEqualTo(1);
      assertThat(request.tryClaim(1)).isEqualTo(Admission.EXPIRED);
    }
  }

  @Test
  void closingAnAsynchronousRequestInFlightCancelsItAndTellsItsReceiver() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, m, rows) -> {
              running.countDown();
              await(go);
            });
    try (Engine engine = engine(backend, options(4, 1))) {
      Thread first = Thread.ofPlatform().start(() -> quietly(() -> call(engine, 1)));
      await(running);
      Request request = engine.claim(1);
      CompletableFuture<Request> stage = request.submit().toCompletableFuture();
      request.close();
      assertThatThrownBy(() -> stage.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOfSatisfying(
              InferenceException.class, e -> assertThat(e.reason()).isEqualTo(Reason.CANCELLED));
      assertThatThrownBy(request::rows).hasMessageContaining("claim first");
      go.countDown();
      first.join();
    }
  }

  @Test
  void anExecutorThatThrowsLosesNoCallback() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> {});
    EngineOptions.Builder options =
        options(4, 1)
            .callbacks(task -> {
              throw new UnsupportedOperationException("chosen to throw");
            });
    try (Engine engine = engine(backend, options)) {
      for (int i = 0; i < 3; i++) {
        Request request = engine.claim(1);
        request.input(0).set(LONG, 0, i);
        Request answered = request.submit().toCompletableFuture().get(10, TimeUnit.SECONDS);
        assertThat(answered.output(0).get(LONG, 0)).isEqualTo(FakeBackend.answer(i));
        answered.close();
      }
    }
    assertThat(backend.closed()).isTrue();
  }

  @Test
  void exactBatchesRunTheSameNumberOfRowsWhateverIsClaimed() throws Exception {
    AtomicInteger ran = new AtomicInteger();
    for (boolean exact : new boolean[] {true, false}) {
      FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> ran.set(rows));
      try (Engine engine = engine(backend, options(8, 1).exactBatch(exact))) {
        assertThat(call(engine, 3)).isEqualTo(FakeBackend.answer(3));
        assertThat(ran.get()).isEqualTo(exact ? 8 : 1);
      }
    }
  }

  @Test
  void rowsPastMaxPendingAreRefusedUntilSomeAreClosed() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> {});
    try (Engine engine = engine(backend, options(8, 1).maxPending(2));
        Request first = engine.newRequest();
        Request second = engine.newRequest()) {
      assertThat(first.tryClaim(2)).isEqualTo(Admission.ADMITTED);
      assertThat(second.tryClaim(1)).isEqualTo(Admission.PENDING_LIMIT);
      first.close();
      assertThat(second.tryClaim(1)).isEqualTo(Admission.ADMITTED);
      assertThat(engine.stats().refused()).containsEntry(Admission.PENDING_LIMIT, 1L);
    }
  }

  @Test
  void buffersAreManyWhereRowsAreSmallAndFewWhereTheyAreLarge() throws Exception {
    assertThat(buffers(1, options(16, 2))).as("for 512 rows").isEqualTo(32);
    assertThat(buffers(1, options(2, 1))).as("not more than 64").isEqualTo(64);
    assertThat(buffers(1, options(1024, 3))).as("2 for each lane and 2 more").isEqualTo(8);
    int mib = (1 << 20) / 2 / Long.BYTES;
    assertThat(buffers(mib, options(4, 1))).as("64 MiB, of 4 rows of 1 MiB").isEqualTo(16);
    assertThat(buffers(4 * mib, options(8, 1))).as("at least 4").isEqualTo(4);
    assertThat(buffers(1, options(16, 2).buffersPerShape(3))).as("as asked for").isEqualTo(3);
  }

  private static int buffers(int width, EngineOptions.Builder options) throws Exception {
    FakeBackend backend = new FakeBackend(width, (lane, m, rows) -> {});
    try (Engine engine = engine(backend, options);
        Request _ = engine.claim(1)) {
      return backend.liveMemories();
    }
  }

  @Test
  void aClaimWaitsNoLongerThanItsTimeout() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> {});
    try (Engine engine = engine(backend, options(1, 1).buffersPerShape(1));
        Request first = engine.newRequest();
        Request second = engine.newRequest()) {
      assertThat(first.tryClaim(1)).isEqualTo(Admission.ADMITTED);
      assertThat(second.tryClaim(1)).isEqualTo(Admission.FULL);
      assertThat(second.claim(1, Duration.ofMillis(10))).isEqualTo(Admission.TIMED_OUT);
    }
  }

  @Test
  void callersOfHighPriorityAreAdmittedFirst() throws Exception {
    for (int round = 0; round < 50; round++) {
      FakeBackend backend = new FakeBackend(1, (lane, m, rows) -> {});
      try (Engine engine = engine(backend, options(1, 1).buffersPerShape(1));
          Request held = engine.newRequest()) {
        assertThat(held.tryClaim(1)).isEqualTo(Admission.ADMITTED);
        List<Priority> admitted = Collections.synchronizedList(new ArrayList<>());
        List<Thread> line = new ArrayList<>();
        for (Priority priority : List.of(Priority.NORMAL, Priority.HIGH)) {
          line.add(
              Thread.ofPlatform().start(() -> quietly(() -> admit(engine, priority, admitted))));
          while (line.getLast().getState() != Thread.State.TIMED_WAITING) {
            Thread.sleep(1);
          }
        }
        held.close();
        for (Thread waiter : line) {
          waiter.join();
        }
        assertThat(admitted).containsExactly(Priority.HIGH, Priority.NORMAL);
      }
    }
  }

  private static void admit(Engine engine, Priority priority, List<Priority> admitted)
      throws InterruptedException {
    try (Request request = engine.newRequest().priority(priority)) {
      if (request.claim(1, Duration.ofSeconds(30)).admitted()) {
        admitted.add(priority);
      }
    }
  }

  @Test
  void wrongUseSaysWhatToDo() throws Exception {
    FakeBackend backend = new FakeBackend(2, (lane, m, rows) -> {});
    try (Engine engine = engine(backend, options(4, 1))) {
      Request request = engine.newRequest();
      assertThatThrownBy(request::run).hasMessageContaining("claim first");
      assertThatThrownBy(() -> request.tryClaim(5)).hasMessageContaining("1 to 4 rows");
      assertThat(request.tryClaim(2).admitted()).isTrue();
      assertThatThrownBy(() -> request.tryClaim(1)).hasMessageContaining("already holds rows");
      assertThatThrownBy(() -> request.output(0)).hasMessageContaining("after the run");
      assertThatThrownBy(() -> request.input("z")).hasMessageContaining("the inputs are [x: INT64");
      assertThatThrownBy(() -> request.input(0).set(LONG, 32, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
      request.close();
      assertThatThrownBy(() -> request.input(0)).hasMessageContaining("claim first");
      assertThatThrownBy(() -> engine.run(1f)).hasMessageContaining("one FLOAT input");
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      if (!latch.await(30, TimeUnit.SECONDS)) {
        throw new AssertionError("waited for 30 s");
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private interface Action {
    void run() throws Exception;
  }

  private static void quietly(Action action) {
    try {
      action.run();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
