package dev.sluice.converter.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HistogramTest {
  private static final long SEED = Long.getLong("sluice.seed", 5);

  @Test
  void sharesOfValuesBeyondThresholds() {
    Histogram histogram = Histogram.of(-2, 1, 1, 2, 3, 4);
    assertThat(histogram.high()).isEqualTo(2);
    assertThat(histogram.shareOutside(-2, 2)).isZero();
    assertThat(histogram.shareOutside(-1, 1)).isCloseTo(0.5, within(1e-12));
    assertThat(histogram.shareOutside(-2, 1.5)).isCloseTo(0.2, within(1e-12));
    assertThat(histogram.shareOutside(5, 6)).isCloseTo(1, within(1e-12));
    assertThat(Histogram.of(3, 0, 7).shareOutside(3, 3)).isZero();
    assertThat(Histogram.of(3, 0, 7).shareOutside(0, 2)).isEqualTo(1);
    assertThat(Histogram.of(0, 1).shareOutside(0, 1)).isNaN();
  }

  @Test
  void mergingKeepsTheValuesAndWhereTheyAre() {
    Random random = new Random(SEED);
    for (int round = 0; round < 300; round++) {
      long[] counts = new long[1 + random.nextInt(500)];
      for (int i = 0; i < counts.length; i++) {
        counts[i] = random.nextInt(4) == 0 ? random.nextInt(1000) : 0;
      }
      int most = 1 + random.nextInt(130);
      Histogram whole = Histogram.of(random.nextGaussian(), random.nextDouble(), counts);
      Histogram merged = whole.merged(most);
      String which = "seed " + SEED + ", round " + round;
      assertThat(merged.bins()).as(which).isLessThanOrEqualTo(most);
      assertThat(merged.total()).as(which).isEqualTo(whole.total());
      if (whole.total() > 0) {
        assertThat(merged.count(0)).as(which).isPositive();
        assertThat(merged.count(merged.bins() - 1)).as(which).isPositive();
        for (int i = 0; i <= merged.bins(); i += 7) {
          assertThat(whole.shareOutside(merged.low(), merged.edge(i)))
              .as(which)
              .isCloseTo(merged.shareOutside(merged.low(), merged.edge(i)), within(1e-6));
        }
      }
    }
  }

  @Test
  void nothingIsNegative() {
    assertThatThrownBy(() -> Histogram.of(0, 1, 3, -1)).hasMessageContaining("-1");
    assertThatThrownBy(() -> Histogram.of(0, -1, 3)).hasMessageContaining("-1");
    assertThatThrownBy(() -> Histogram.of(0, 1, Long.MAX_VALUE, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void itsCountsAreItsOwn() {
    long[] counts = {1, 2};
    Histogram histogram = Histogram.of(0, 1, counts);
    counts[0] = 9;
    assertThat(histogram.count(0)).isEqualTo(1);
    assertThat(histogram)
        .isEqualTo(Histogram.of(0, 1, 1, 2))
        .hasSameHashCodeAs(Histogram.of(0, 1, 1, 2))
        .isNotEqualTo(Histogram.of(0, 1, 2, 1));
  }

  @Test
  void ticksAreRoundAndInside() {
    assertThat(new Axis(0, 50, 0, 1).ticks(6)).containsExactly(0.0, 10.0, 20.0, 30.0, 40.0, 50.0);
    assertThat(new Axis(-1.3, 4.2, 0, 1).ticks(4)).containsExactly(0.0, 2.0, 4.0);
    Random random = new Random(SEED);
    for (int round = 0; round < 2_000; round++) {
      double low = random.nextGaussian() * Math.pow(10, random.nextInt(600) - 300);
      double high = low + Math.abs(random.nextGaussian()) * Math.pow(10, random.nextInt(600) - 300);
      Axis axis = new Axis(low, high, 10, 20);
      assertThat(axis.at(axis.low())).isEqualTo(10);
      assertThat(axis.at(axis.high())).isEqualTo(20);
      List<Double> ticks = axis.ticks(5);
      assertThat(ticks).as("seed " + SEED + ", " + axis).hasSizeLessThanOrEqualTo(5);
      assertThat(ticks).as("seed " + SEED + ", " + axis).allMatch(t -> axis.at(t) >= 10);
    }
  }

  @Test
  void anAxisOfOneValueHasItInTheMiddle() {
    assertThat(new Axis(7, 7, 0, 100).at(7)).isEqualTo(50);
    assertThat(new Axis(0, 0, 0, 100).at(0)).isEqualTo(50);
    assertThat(new Axis(-Double.MAX_VALUE, Double.MAX_VALUE, 0, 100).at(0)).isEqualTo(50);
  }
}
