package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Tuning.Timing;
import dev.sluice.engine.backend.ShapeKey;
import java.util.List;
import org.junit.jupiter.api.Test;

class TuningChoiceTest {
  private static Tuning choose(Timing... timings) {
    return TuningChoice.of(List.of(timings), 2);
  }

  @Test
  void aModelThatGainsFromBatchesIsBatched() {
    // b = 512-1024-1024-256, measured on two cores: nine times the rows per second at 64.
    Tuning tuning = choose(new Timing(1, 1, 180_000), new Timing(1, 64, 1_280_000));
    assertThat(tuning.maxBatch()).isEqualTo(64);
    assertThat(tuning.lanes()).isEqualTo(2);
    assertThat(tuning.maxDelayNs())
        .as("waking the callers of a batch")
        .isEqualTo(64 * TuningChoice.WAKE_NS);
    Tuning slower = choose(new Timing(1, 1, 900_000), new Timing(1, 16, 1_600_000));
    assertThat(slower.maxDelayNs()).as("a run of one row").isEqualTo(900_000);
  }

  @Test
  void aModelWhoseRowsCostTheSameTogetherIsNot() {
    Tuning tuning =
        choose(
            new Timing(1, 1, 7_000_000), new Timing(1, 8, 54_000_000), new Timing(2, 1, 7_100_000));
    assertThat(tuning.maxBatch()).isEqualTo(1);
    assertThat(tuning.threadsPerLane()).isEqualTo(1);
    assertThat(tuning.lanes()).isEqualTo(2);
  }

  @Test
  void shortRunsGetBuffersOfTheirOwnAndVirtualCallersBatches() {
    // a = 10-50-10, measured on two cores.
    Tuning tuning =
        choose(
            new Timing(1, 1, 1_650),
            new Timing(1, 16, 1_970),
            new Timing(1, 32, 2_390),
            new Timing(1, 64, 3_130));
    assertThat(tuning.soloBuffers()).isEqualTo(TuningChoice.SOLO_BUFFERS);
    assertThat(tuning.maxBatch()).as("64 rows gain 3 %").isEqualTo(32);
    assertThat(tuning.lanes()).isEqualTo(2 * TuningChoice.LANES_PER_CORE);
    assertThat(tuning.maxDelayNs()).as("nobody waits by the clock").isZero();
  }

  @Test
  void shortRunsThatGainNothingTogetherAreNotBatchedForVirtualCallersEither() {
    Tuning tuning = choose(new Timing(1, 1, 20_000), new Timing(1, 16, 310_000));
    assertThat(tuning.soloBuffers()).isEqualTo(TuningChoice.SOLO_BUFFERS);
    assertThat(tuning.maxBatch()).isEqualTo(1);
    assertThat(tuning.lanes()).isEqualTo(2 * TuningChoice.LANES_PER_CORE);
  }

  @Test
  void theSmallestBatchNearTheBestWins() {
    Tuning tuning =
        choose(
            new Timing(1, 1, 900_000),
            new Timing(1, 16, 1_600_000),
            new Timing(1, 32, 3_150_000),
            new Timing(1, 64, 6_250_000));
    assertThat(tuning.maxBatch()).isEqualTo(16);
  }

  @Test
  void threadsPayWhereTheyDivideTheRun() {
    Tuning tuning = choose(new Timing(1, 1, 40_000_000), new Timing(2, 1, 19_000_000));
    assertThat(tuning.threadsPerLane()).isEqualTo(2);
    assertThat(tuning.lanes()).isEqualTo(1);
  }

  @Test
  void threadsThatCostATenthOfTheRateAreNotTaken() {
    // c = ResNet-50, measured on two cores: 64 callers got 0.92 of what one thread a run serves.
    Tuning tuning = choose(new Timing(1, 1, 77_000_000), new Timing(2, 1, 42_500_000));
    assertThat(tuning.threadsPerLane()).isEqualTo(1);
    assertThat(tuning.lanes()).isEqualTo(2);
  }

  @Test
  void platformThreadsGetSmallerBatchesThanTheBest() {
    // b = 512-1024-1024-256, measured on two cores: 42,300 rows/s in batches of 8, 32,400 of 32.
    Tuning tuning =
        choose(
            new Timing(1, 1, 89_700),
            new Timing(1, 4, 134_400),
            new Timing(1, 8, 269_700),
            new Timing(1, 16, 645_400),
            new Timing(1, 32, 1_109_000));
    assertThat(tuning.maxBatch()).isEqualTo(8);
  }

  @Test
  void aTrialTakesNoMoreRowsThanFitItsMemory() {
    TensorSpec image = new TensorSpec("x", ElementType.UINT8, Shape.of(-1, 50 << 20));
    Signature signature = new Signature(List.of(image), List.of());
    ShapeKey shape = ShapeKey.ofDeclared(signature, true);
    assertThat(Tuner.mostRows(signature, shape, 64)).isEqualTo(5);
    assertThat(Tuner.mostRows(signature, shape, 2)).isEqualTo(2);
    ShapeKey larger = new ShapeKey(List.of(Shape.of(1, 1 << 30)));
    assertThat(Tuner.mostRows(signature, larger, 64)).isEqualTo(1);
  }

  @Test
  void nothingMeasuredMeansTheProfile() {
    Tuning tuning = TuningChoice.unmeasured(2, 8);
    assertThat(tuning)
        .isEqualTo(new Tuning(8, 2, 0, 1, TuningChoice.UNMEASURED_DELAY_NS, false, List.of()));
  }
}
