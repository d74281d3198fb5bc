package dev.sluice.bench.load;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CompanyScenarioTest {
  @Test
  void everyAnswerIsRightWithAndWithoutAWait() throws Exception {
    for (long delayNs : new long[] {0, 200_000}) {
      CompanyScenario.Outcome outcome = CompanyScenario.measure(8, 2, delayNs, 0.3);
      assertThat(outcome.wrong()).isZero();
      assertThat(outcome.rowsPerS()).isPositive();
      assertThat(outcome.meanBatch()).isGreaterThanOrEqualTo(1);
    }
  }
}
