package dev.sluice.bench.load;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bench.load.SpinLoad.Outcome;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SpinLoadTest {
  @Test
  void everyAnswerIsRightWithAndWithoutAWait() throws Exception {
    for (long delayNs : new long[] {0, 200_000}) {
      assertIsRight(CompanyScenario.measure(8, 2, delayNs, 0.3));
    }
  }

  @Test
  void everyAnswerIsRightWhereMostCallersWaitForABuffer() throws Exception {
    for (ThreadFactory threads :
        List.of(Thread.ofPlatform().factory(), Thread.ofVirtual().factory())) {
      assertIsRight(BuffersScenario.measure(200, threads, 4, 0.3));
    }
  }

  private static void assertIsRight(Outcome outcome) {
    assertThat(outcome.wrong()).isZero();
    assertThat(outcome.rowsPerS()).isPositive();
    assertThat(outcome.meanBatch()).isGreaterThanOrEqualTo(1);
  }
}
