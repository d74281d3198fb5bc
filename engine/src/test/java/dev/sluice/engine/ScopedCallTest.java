package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Scoped calls that fail while others succeed in the same few slots. */
@Timeout(60)
class ScopedCallTest {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final int THREADS = 4;
  private static final long RUN_NS = 1_000_000_000L * Integer.getInteger("sluice.effort", 1);

  /**
   * The handle of a scoped call belongs to its slot: a call that failed must not close it once the
   * slot is another caller's.
   */
  @Test
  void aCallThatFailedDoesNotCloseTheNextCallOfItsSlot() throws Exception {
    FakeBackend backend = new FakeBackend(1, (lane, memory, rows) -> {});
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (Engine engine =
        Engine.over(
            backend,
            true,
            EngineOptions.builder().maxBatch(2).lanes(1).buffersPerShape(2).build())) {
      long untilNs = System.nanoTime() + RUN_NS;
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < THREADS; t++) {
        long first = (long) t << 32;
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    for (long x = first; System.nanoTime() < untilNs; x++) {
                      call(engine, x);
                    }
                  } catch (Throwable thrown) {
                    failure.compareAndSet(null, thrown);
                  }
                }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertThat(failure.get()).isNull();
    assertThat(backend.closed()).isTrue();
  }

  /** Every other call is interrupted: where its caller waits, it is cancelled. */
  private static void call(Engine engine, long x) throws InterruptedException {
    try {
      long y =
          engine.call(
              1,
              in -> {
                in.input(0).set(LONG, 0, x);
                if (x % 2 == 1) {
                  Thread.currentThread().interrupt();
                }
              },
              out -> out.output(0).get(LONG, 0));
      assertThat(y).isEqualTo(FakeBackend.answer(x));
      Thread.interrupted();
    } catch (InterruptedException cancelled) {
      if (x % 2 == 0) {
        throw cancelled;
      }
    }
  }
}
