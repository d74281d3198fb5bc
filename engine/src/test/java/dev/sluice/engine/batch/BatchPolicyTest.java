package dev.sluice.engine.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class BatchPolicyTest {
  private static final long DELAY_NS = 1_000;
  private static final BatchPolicy POLICY = new BatchPolicy(8, DELAY_NS);

  @Test
  void nothingClosesWithoutALaneOrWithoutRows() {
    assertThat(POLICY.decide(8, 1, 0, false, 1_000_000)).isEqualTo(BatchPolicy.NEVER);
    assertThat(POLICY.decide(0, 1, 0, true, 1_000_000)).isEqualTo(BatchPolicy.NEVER);
  }

  @Test
  void aLoneCallerNeverWaits() {
    assertThat(POLICY.decide(1, 1, 500, true, 500)).isZero();
  }

  @Test
  void whatIsExpectedIsWaitedForButNotForLongerThanTheDelay() {
    assertThat(POLICY.decide(3, 8, 500, true, 600)).isEqualTo(DELAY_NS - 100);
    assertThat(POLICY.decide(8, 8, 500, true, 600)).isZero();
    assertThat(POLICY.decide(3, 8, 500, true, 1_500)).isZero();
    assertThat(POLICY.decide(3, 8, 500, true, 9_999)).isZero();
    assertThat(POLICY.decide(8, 100, 500, true, 600)).as("no more than fit").isZero();
  }

  @Test
  void withoutADelayAnIdleLaneTakesWhatThereIs() {
    assertThat(new BatchPolicy(8, 0).decide(1, 8, 500, true, 500)).isZero();
  }

  @Test
  void aQuarterOfWhatIsExpectedIsWorthARun() {
    assertThat(BatchPolicy.suffices(1, 4)).as("four callers, two lanes").isTrue();
    assertThat(BatchPolicy.suffices(1, 5)).isFalse();
    assertThat(BatchPolicy.suffices(16, 64)).isTrue();
    assertThat(BatchPolicy.suffices(15, 64)).isFalse();
  }

  @Test
  void aClockThatWrapsAroundIsNoTrouble() {
    long oldest = Long.MAX_VALUE - 10;
    assertThat(POLICY.decide(3, 8, oldest, true, oldest + 100)).isEqualTo(DELAY_NS - 100);
    assertThat(POLICY.decide(3, 8, oldest, true, oldest + 2_000)).isZero();
  }

  @Test
  void expectationRisesAtOnceAndFallsToWhatComes() {
    assertThat(BatchPolicy.expect(1, 64)).isEqualTo(64);
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 1_000; i++) {
      int rows = 1 + random.nextInt(64);
      int expected = 64;
      int rounds = 0;
      while (expected != rows) {
        int next = BatchPolicy.expect(expected, rows);
        assertThat(next).isLessThan(expected).isGreaterThanOrEqualTo(rows);
        expected = next;
        rounds++;
      }
      assertThat(rounds).isLessThan(40);
    }
  }
}
