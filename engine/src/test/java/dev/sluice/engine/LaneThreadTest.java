package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.backend.BackendException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which thread runs a batch: one of its callers, or a lane's own. */
@Timeout(60)
class LaneThreadTest {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final String LANE_THREAD = "sluice-lane-0";

  private final List<String> runs = Collections.synchronizedList(new ArrayList<>());

  private Engine engine(int maxBatch, FakeBackend.Run run, ThreadFactory threads)
      throws BackendException {
    FakeBackend backend =
        new FakeBackend(
            1,
            (lane, memory, rows) -> {
              runs.add(rows + " on " + Thread.currentThread().getName());
              run.run(lane, memory, rows);
            });
    return Engine.over(
        backend,
        true,
        EngineOptions.builder()
            .maxBatch(maxBatch)
            .lanes(1)
            .maxDelay(Duration.ZERO)
            .threads(threads)
            .build());
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void ask(Engine engine, long x) {
    try (Request request = engine.claim(1)) {
      request.input(0).set(LONG, 0, x);
      assertThat(request.run().output(0).get(LONG, 0)).isEqualTo(FakeBackend.answer(x));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aCallerThatRunsTakesTheBatchWithItThatWaitsForALanesThread() throws Exception {
    CountDownLatch core = new CountDownLatch(1);
    ThreadFactory withoutCore =
        body ->
            Thread.ofPlatform()
                .unstarted(() -> {
                  if (Thread.currentThread().getName().equals(LANE_THREAD)) {
                    await(core);
                  }
                  body.run();
                });
    try (Engine engine = engine(8, (_, _, _) -> {}, withoutCore)) {
      CountDownLatch told = new CountDownLatch(1);
      Request request = engine.claim(1);
      request.input(0).set(LONG, 0, 1);
      request.submit((r, failure) -> {
        if (failure == null && r.output(0).get(LONG, 0) == FakeBackend.answer(1)) {
          told.countDown();
        }
        r.close();
      });
      assertThat(runs).isEmpty();
      ask(engine, 2);
      await(told);
      assertThat(runs).containsExactly("2 on " + Thread.currentThread().getName());
      core.countDown();
    }
  }

  @Test
  void aLanesThreadServesAllThatWaitedForTheLane() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    FakeBackend.Run run =
        (_, _, _) -> {
          running.countDown();
          await(go);
        };
    try (Engine engine = engine(1, run, Thread.ofPlatform().factory())) {
      Thread first = Thread.ofPlatform().name("first").start(() -> ask(engine, 1));
      await(running);
      List<Thread> others = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        long x = i;
        others.add(Thread.ofPlatform().name("other").start(() -> ask(engine, x)));
      }
      for (Thread other : others) {
        while (other.getState() != Thread.State.WAITING) {
          Thread.sleep(1);
        }
      }
      go.countDown();
      first.join();
      for (Thread other : others) {
        other.join();
      }
      String lane = "1 on " + LANE_THREAD;
      assertThat(runs).containsExactly("1 on first", lane, lane, lane);
    }
  }
}
