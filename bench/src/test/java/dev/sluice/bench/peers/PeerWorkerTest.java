package dev.sluice.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Turns with made-up peers. What takes time there takes at least that on every machine, so bounds
 * are on one side.
 */
@Timeout(60)
class PeerWorkerTest {
  private static final int ROWS = Figure.ROWS.place();
  private static final int P50 = Figure.P50.place();
  private static final int P99 = Figure.P99.place();
  private static final int UNSENT = Figure.UNSENT.place();

  /** What a made-up peer does for its request of a number, counted from 1; its answer. */
  @FunctionalInterface
  private interface Service {
    float answer(int number) throws InterruptedException;
  }

  /** A peer whose callers share a count of their requests. */
  private record MadeUp(Service service, AtomicInteger asked) implements Peer {
    @Override
    public Caller newCaller(Row row) {
      return new Caller() {
        @Override
        public float ask() throws InterruptedException {
          return service.answer(asked.incrementAndGet());
        }

        @Override
        public void close() {}
      };
    }

    @Override
    public void close() {}
  }

  private final AtomicInteger asked = new AtomicInteger();

  private PeerWorker worker(Service service) throws Exception {
    return new PeerWorker(List.of(PeerModel.A), _ -> new MadeUp(service, asked));
  }

  private static double[] turn(PeerWorker worker, String words) throws Exception {
    return Arrays.stream(worker.turn(words).split(" ", -1))
        .mapToDouble(Double::parseDouble)
        .toArray();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "one %d platform",
        "one %d virtual",
        "many 3 %d platform",
        "many 3 %d virtual",
        "many 3 %d platform-fair",
        "open 2000 3 %d platform",
        "open 2000 3 %d virtual-fair",
        "all 3 %d platform",
        "warm %d",
        "anew"
      })
  void anAnswerThatChangesEndsATurn(String words) throws Exception {
    try (PeerWorker right = worker(_ -> 1)) {
      assertThat(turn(right, words.formatted(20))).isNotEmpty();
    }
    asked.set(0);
    int after = words.equals("anew") ? 1 : 100;
    try (PeerWorker wrong = worker(number -> number > after ? 2 : 1)) {
      // All of its callers hear of it long before the turn would end.
      assertThatThrownBy(() -> wrong.turn(words.formatted(5_000)))
          .hasStackTraceContaining("the answer is 2.0, not 1.0");
    }
  }

  @Test
  void aRequestInWorkAtTheEndOfAClosedLoopCounts() throws Exception {
    int callers = 4;
    try (PeerWorker slow =
        worker(number -> {
          if (number > callers) {
            Thread.sleep(600);
          }
          return 1;
        })) {
      long startNs = System.nanoTime();
      double[] line = turn(slow, "many " + callers + " 500 platform");
      double seconds = (System.nanoTime() - startNs) / 1e9;
      // Each caller has asked once before, and begins one request that does not end in the turn.
      assertThat(asked).hasValue(2 * callers);
      assertThat(line[ROWS]).isBetween(callers / seconds, callers / 0.599);
      assertThat(line[P50]).isGreaterThanOrEqualTo(594_000);
      assertThat(line[UNSENT]).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"platform", "virtual"})
  void aStallDelaysAllThatWasDueMeanwhile(String threads) throws Exception {
    // The first request of the turn, behind that of the opening.
    try (PeerWorker stalling =
        worker(number -> {
          if (number == 2) {
            Thread.sleep(100);
          }
          return 1;
        })) {
      // One each millisecond: the second half is not late, a quarter by more than half the stall.
      double[] line = turn(stalling, "open 1000 1 200 " + threads);
      assertThat(asked.get() - 1 + line[UNSENT]).isEqualTo(200);
      assertThat(line[P99]).isGreaterThanOrEqualTo(96_000);
      // All within the stall: half of them by more than half of it.
      asked.set(1);
      line = turn(stalling, "open 1000 1 100 " + threads);
      assertThat(line[P50]).isGreaterThanOrEqualTo(48_000);
    }
  }

  @Test
  void aPeerThatCannotCarryTheRateHasAQueue() throws Exception {
    try (PeerWorker slow =
        worker(_ -> {
          Thread.sleep(5);
          return 1;
        })) {
      // 100 requests, due in 100 ms; in twice that at most 41 are begun.
      double[] line = turn(slow, "open 1000 1 100 platform");
      assertThat(line[ROWS]).isLessThanOrEqualTo(200);
      assertThat(line[UNSENT]).isBetween(59.0, 100.0);
      assertThat(asked.get() - 1 + line[UNSENT]).isEqualTo(100);
      // What was not sent waited from when it was due until nobody waited for it.
      assertThat(line[P50]).isGreaterThanOrEqualTo(96_000);
    }
  }

  @Test
  void callersThatNeverGetACoreAreCounted() throws Exception {
    int callers = 64;
    try (PeerWorker hog =
        worker(_ -> {
          long startNs = System.nanoTime();
          while (System.nanoTime() - startNs < 1_000_000) {
            Thread.onSpinWait();
          }
          return 1;
        })) {
      double[] line = turn(hog, "many " + callers + " 50 virtual");
      int cores = Runtime.getRuntime().availableProcessors();
      assertThat(line[UNSENT]).isBetween((double) callers - cores, (double) callers);
    }
  }

  @Test
  void aFairSemaphoreLetsAsManyInAsThereAreCores() throws Exception {
    AtomicInteger in = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    try (PeerWorker counting =
        worker(_ -> {
          most.accumulateAndGet(in.incrementAndGet(), Math::max);
          Thread.sleep(1);
          in.decrementAndGet();
          return 1;
        })) {
      int cores = Runtime.getRuntime().availableProcessors();
      assertThat(turn(counting, "many 64 50 platform-fair")).hasSize(Figure.OF_TALLY);
      assertThat(most).hasValueLessThanOrEqualTo(cores);
      assertThat(turn(counting, "open 1000000 64 5 virtual-fair")).hasSize(Figure.OF_TALLY);
      assertThat(most).hasValueLessThanOrEqualTo(cores);
      assertThat(turn(counting, "many 64 500 platform")).hasSize(Figure.OF_TALLY);
      assertThat(most).hasValueGreaterThan(cores);
    }
  }

  @Test
  void eachModelHasItsLine() throws Exception {
    try (PeerWorker worker =
        new PeerWorker(
            List.of(PeerModel.A, PeerModel.B), _ -> new MadeUp(_ -> 1, new AtomicInteger()))) {
      assertThat(turn(worker, "all 2 5 platform")).hasSize(2 * Figure.OF_TALLY);
      assertThat(turn(worker, "start")).hasSize(2);
      assertThat(turn(worker, "warm 7")).containsExactly(14);
      assertThatThrownBy(() -> worker.turn("two 5")).hasMessageContaining("no turn 'two 5'");
    }
  }
}
