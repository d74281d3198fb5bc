package dev.sluice.engine.batch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.Admission;
import dev.sluice.engine.FakeBackend;
import dev.sluice.engine.Priority;
import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.ShapeKey;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Interleavings of the claim protocol that a stress test would hardly hit. The clock makes them: a
 * step that asks for the time can be held there while others go on.
 */
@Timeout(60)
class ClaimsRaceTest {
  private static final long NEVER_NS = Long.MAX_VALUE / 4;

  private final AtomicReference<Runnable> onClock = new AtomicReference<>();
  private final AtomicReference<Thread> held = new AtomicReference<>();
  private final AtomicReference<Consumer<ShapeKey>> onRun = new AtomicReference<>(_ -> {});
  private final FakeBackend backend =
      new FakeBackend(1, (lane, memory, rows) -> onRun.get().accept(memory.key()));

  private long originNs;

  private long clock() {
    if (Thread.currentThread() == held.get()) {
      Runnable action = onClock.getAndSet(null);
      if (action != null) {
        action.run();
      }
    }
    return System.nanoTime() + originNs;
  }

  /** The next time that this thread asks for the time, {@code action} happens first. */
  private void atNextClock(Runnable action) {
    held.set(Thread.currentThread());
    onClock.set(action);
  }

  private Claims claims(int maxRows, int lanes, int buffers, int maxPendingRows, long drainNs)
      throws Exception {
    ThreadFactory threads = Thread.ofPlatform().daemon().factory();
    return claims(maxRows, lanes, buffers, 1, maxPendingRows, drainNs, threads);
  }

  private Claims claims(
      int maxRows,
      int lanes,
      int buffers,
      int queues,
      int maxPendingRows,
      long drainNs,
      ThreadFactory threads)
      throws Exception {
    return new Claims(
        backend,
        new BatchOptions(
            maxRows,
            lanes,
            buffers,
            buffers,
            0,
            queues,
            0,
            false,
            maxPendingRows,
            8,
            NEVER_NS,
            NEVER_NS,
            drainNs,
            false,
            command -> Thread.ofPlatform().daemon().start(command),
            threads,
            this::clock));
  }

  private BatchQueue queue(Claims claims) throws Exception {
    return claims.queue(ShapeKey.ofDeclared(backend.signature(), true));
  }

  private static Slot tryClaim(Claims claims, BatchQueue queue) {
    return claims.tryClaim(queue, 1, Priority.NORMAL, Long.MAX_VALUE, new Claims.Ticket());
  }

  private static void onAnotherThread(Runnable action) {
    try {
      FutureTask<Void> task = new FutureTask<>(action, null);
      Thread.ofPlatform().start(task);
      task.get();
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aCallerCancelledBeforeItWaitsHoldsNobodyUp() throws Exception {
    Claims claims = claims(2, 2, 1, Integer.MAX_VALUE, 1_000_000_000);
    try (AutoCloseable _ = claims::close) {
      BatchQueue queue = queue(claims);
      Slot mine = tryClaim(claims, queue);
      Slot other = tryClaim(claims, queue);
      CountDownLatch told = new CountDownLatch(1);
      CountDownLatch cancelled = new CountDownLatch(1);
      onRun.set(_ -> uninterruptibly(cancelled));
      long round = mine.batch().generation();
      mine.owner = Thread.currentThread();
      mine.moveState(Slot.CLAIMED, Slot.SUBMITTED);
      assertThat(claims.dispatcher().submitted(mine, mine.batch(), false)).isNegative();
      // Between this caller's submit and its wait the other one completes the batch; then it is
      // cancelled.
      onAnotherThread(() -> {
        claims.submit(other, told::countDown, new Claims.Ticket());
        assertThat(claims.cancel(mine, round)).isTrue();
        cancelled.countDown();
      });
      claims.await(mine);
      assertThat(mine.state()).isEqualTo(Slot.CANCELLED);
      assertThat(told.await(5, TimeUnit.SECONDS)).as("the other caller has its answer").isTrue();
      claims.release(mine);
      claims.release(other);
    }
  }

  @Test
  void aLanesThreadThatIsHandedABatchStillLooksForWhatItWasToldOf() throws Exception {
    CountDownLatch core = new CountDownLatch(1);
    ThreadFactory threads =
        body ->
            Thread.ofPlatform()
                .daemon()
                .unstarted(() -> {
                  if (Thread.currentThread().getName().equals("sluice-lane-0")) {
                    uninterruptibly(core);
                  }
                  body.run();
                });
    Claims claims = claims(2, 3, 1, 3, 8, 1_000_000_000, threads);
    try (AutoCloseable _ = claims::close) {
      BatchQueue first = claims.queue(new ShapeKey(List.of(Shape.of(1))));
      BatchQueue second = claims.queue(new ShapeKey(List.of(Shape.of(2))));
      BatchQueue third = claims.queue(new ShapeKey(List.of(Shape.of(3))));
      CountDownLatch told = new CountDownLatch(1);
      CountDownLatch leads = new CountDownLatch(1);
      onRun.set(key -> {
        if (key.equals(second.key())) {
          leads.countDown();
        }
        if (!key.equals(third.key())) {
          uninterruptibly(told);
        }
      });
      Slot oldest = tryClaim(claims, first);
      claims.submit(oldest, () -> {}, new Claims.Ticket());
      Slot led = tryClaim(claims, second);
      // Tells lane 0's thread once more, which has no core yet.
      Slot youngest = tryClaim(claims, third);
      claims.submit(youngest, told::countDown, new Claims.Ticket());
      FutureTask<Integer> leader = new FutureTask<>(() -> claims.submitAndWait(led));
      Thread.ofPlatform().start(leader);
      uninterruptibly(leads);
      core.countDown();
      assertThat(told.await(10, TimeUnit.SECONDS)).as("two lanes run, and one is idle").isTrue();
      assertThat(leader.get()).isEqualTo(Slot.OK);
      claims.release(oldest);
      claims.release(led);
      claims.release(youngest);
    } finally {
      core.countDown();
    }
  }

  @Test
  void aCallbackIsToldThoughItsAnswerWasOverdueBeforeTheTreeCameToIt() throws Exception {
    Claims claims = claims(2, 1, 1, Integer.MAX_VALUE, 1_000_000_000);
    try (AutoCloseable _ = claims::close) {
      BatchQueue queue = queue(claims);
      Slot waits = tryClaim(claims, queue);
      Slot async = tryClaim(claims, queue);
      Batch batch = waits.batch();
      // A caller that waits, is told, and does not get to run for long.
      waits.registerWaiter(Thread.ofPlatform().unstarted(() -> {}));
      waits.moveState(Slot.CLAIMED, Slot.SUBMITTED);
      assertThat(claims.dispatcher().submitted(waits, null, false)).isNegative();
      CountDownLatch told = new CountDownLatch(1);
      claims.submit(async, told::countDown, new Claims.Ticket());
      while (Batch.phase(batch.word()) != Batch.DONE) {
        Thread.sleep(1);
      }
      assertThat(waits.waiter()).isEqualTo(Slot.Mark.FANOUT);
      claims.sweep(System.nanoTime() + 2 * NEVER_NS);
      assertThat(async.state()).isEqualTo(Slot.OVERDUE);
      claims.dispatcher().wakeTree(batch, 2 * waits.index + 1);
      assertThat(told.await(5, TimeUnit.SECONDS)).as("the callback was told").isTrue();
      claims.release(waits);
      claims.release(async);
    }
  }

  @Test
  void closeDoesNotAbandonASlotThatNobodyClaimedInThisRound() throws Exception {
    Claims claims = claims(2, 1, 1, Integer.MAX_VALUE, 0);
    BatchQueue queue = queue(claims);
    Slot first = tryClaim(claims, queue);
    Slot second = tryClaim(claims, queue);
    Batch batch = first.batch();
    AtomicReference<Slot> next = new AtomicReference<>();
    Watchdog watchdog = new Watchdog(claims.dispatcher());
    // The watchdog has seen two slots in use; before it looks at them a new round begins, in which
    // one is.
    atNextClock(() ->
        onAnotherThread(() -> {
          claims.release(first);
          claims.release(second);
          next.set(tryClaim(claims, queue));
        }));
    watchdog.abandonAll();
    assertThat(next.get().batch()).isSameAs(batch);
    assertThat(batch.slot(1).state()).isEqualTo(Slot.IDLE);
    assertThat(Batch.pending(batch.word())).as("%s", batch).isBetween(0, 1);
    claims.release(next.get());
    claims.close();
    assertThat(backend.closed()).isTrue();
  }

  @Test
  void aCallerInTheLineDoesNotSpinOnTheLimitOfPendingRows() throws Exception {
    Claims claims = claims(1, 1, 2, 1, 1_000_000_000);
    try (AutoCloseable _ = claims::close) {
      BatchQueue queue = queue(claims);
      Slot held = tryClaim(claims, queue);
      assertThat(waitFor(claims, queue, 100_000_000)).isEqualTo(Admission.TIMED_OUT);
      assertThat(claims.refused(Admission.PENDING_LIMIT)).isBetween(1L, 10L);
      claims.release(held);
    }
  }

  @Test
  void theClockOfSweepsIsNotAheadOfTheTimeSoThatBatchesOfEitherKindHaveAnOrder() throws Exception {
    originNs = Long.MIN_VALUE / 2;
    Claims claims = claims(1, 1, 1, 8, 0);
    try (AutoCloseable _ = claims::close) {
      claims.sweep(clock());
      assertThat(claims.dispatcher().sweptNs()).isLessThanOrEqualTo(clock());
    }
  }

  @Test
  void aCallerInTheLineDoesNotSpinOnFullBuffers() throws Exception {
    Claims claims = claims(1, 1, 1, 8, 1_000_000_000);
    try (AutoCloseable _ = claims::close) {
      BatchQueue queue = queue(claims);
      Slot held = tryClaim(claims, queue);
      assertThat(waitFor(claims, queue, 100_000_000)).isEqualTo(Admission.TIMED_OUT);
      assertThat(claims.refused(Admission.FULL)).isBetween(1L, 10L);
      claims.release(held);
    }
  }

  private static Admission waitFor(Claims claims, BatchQueue queue, long timeoutNs)
      throws InterruptedException {
    Claims.Ticket ticket = new Claims.Ticket();
    assertThat(claims.claim(queue, 1, Priority.NORMAL, Long.MAX_VALUE, ticket, timeoutNs)).isNull();
    return ticket.refusal();
  }

  @Test
  void aCallerInTheLineDoesNotKeepAClosedEngineAlive() throws Exception {
    Claims claims = claims(1, 1, 1, Integer.MAX_VALUE, 0);
    BatchQueue queue = queue(claims);
    Slot held = tryClaim(claims, queue);
    AtomicInteger asked = new AtomicInteger();
    CountDownLatch waits = new CountDownLatch(1);
    CountDownLatch closed = new CountDownLatch(1);
    Runnable holdUp =
        new Runnable() {
          @Override
          public void run() {
            // The clock is asked at the line, and before a look whether it may try.
            if (asked.incrementAndGet() < 2) {
              onClock.set(this);
            } else {
              waits.countDown();
              uninterruptibly(closed);
            }
          }
        };
    Thread waiter =
        Thread.ofPlatform()
            .start(() -> {
              atNextClock(holdUp);
              try {
                waitFor(claims, queue, NEVER_NS);
              } catch (InterruptedException e) {
                throw new AssertionError(e);
              }
            });
    assertThat(waits.await(10, TimeUnit.SECONDS)).isTrue();
    claims.close();
    claims.release(held);
    assertThat(backend.closed()).as("the line holds no memory").isTrue();
    assertThat(backend.liveMemories()).isZero();
    closed.countDown();
    waiter.join();
    assertThat(claims.tryClaim(queue, 1, Priority.NORMAL, Long.MAX_VALUE, new Claims.Ticket()))
        .isNull();
  }

  private static void uninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
