package dev.sluice.converter.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a few samples may say of others: figures from tables, and how often they are wrong. */
class ConfidenceTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261126);

  /** A table of Student's distribution, one side of 5 %. */
  @ParameterizedTest
  @CsvSource({"2, 6.314", "3, 2.920", "4, 2.353", "6, 2.015", "11, 1.812", "31, 1.697"})
  void quantilesAreThoseOfTheTable(int samples, double quantile) {
    assertThat(Confidence.student(samples)).isCloseTo(quantile, within(7e-3));
  }

  @Test
  void oneSampleTellsNothingOfOthers() {
    assertThat(Confidence.student(1)).isInfinite();
    SqnrBound bound = new SqnrBound();
    bound.add(100, 1);
    assertThat(bound.lowDb()).isEqualTo(Double.NEGATIVE_INFINITY);
    bound.add(100, 1);
    assertThat(bound.lowDb()).isEqualTo(20, within(1e-9));
  }

  @Test
  void normalDistribution() {
    assertThat(Confidence.normal(0)).isEqualTo(0.5, within(1e-7));
    assertThat(Confidence.normal(-1.6448536)).isEqualTo(0.05, within(1e-6));
    assertThat(Confidence.normal(1.9599640)).isEqualTo(0.975, within(1e-6));
    assertThat(Confidence.normal(-40)).isEqualTo(0);
  }

  /** Without a hit the bound is 1 - 0.05^(1/n); with all of them it is 1. */
  @Test
  void sharesThatWereCounted() {
    assertThat(Confidence.shareAtMost(0, 20)).isEqualTo(1 - Math.pow(0.05, 1 / 20.0), within(1e-9));
    assertThat(Confidence.shareAtMost(0, 298)).isGreaterThan(0.01);
    assertThat(Confidence.shareAtMost(0, 299)).isLessThan(0.01);
    // A table of Clopper and Pearson's limits.
    assertThat(Confidence.shareAtMost(2, 20)).isEqualTo(0.28262, within(1e-4));
    assertThat(Confidence.shareAtMost(7, 7)).isEqualTo(1);
  }

  @Test
  void noNoiseIsNoNoiseElsewhere() {
    SqnrBound bound = new SqnrBound();
    bound.add(3, 0);
    assertThat(bound.lowDb()).isEqualTo(Double.POSITIVE_INFINITY);
    AgreementBound same = new AgreementBound();
    same.add(1, 0, true);
    assertThat(same.changedAtMost()).isZero();
  }

  @Test
  void whatIsNoNumberHoldsNoBar() {
    SqnrBound bound = new SqnrBound();
    bound.add(3, 1);
    bound.add(3, Double.POSITIVE_INFINITY);
    bound.add(3, Double.NaN);
    assertThat(bound.lowDb()).isEqualTo(Double.NEGATIVE_INFINITY);
    AgreementBound rows = new AgreementBound();
    rows.add(1, 0.1, true);
    rows.add(1, Double.NaN, false);
    assertThat(rows.changedAtMost()).isGreaterThan(0.5);
  }

  @Test
  void tiesAreCounted() {
    AgreementBound rows = new AgreementBound();
    for (int i = 0; i < 20; i++) {
      rows.add(i < 12 ? 0 : 5, 0.01, true);
    }
    assertThat(rows.changedAtMost()).isEqualTo(Confidence.shareAtMost(0, 20));
  }

  /** Noise of samples that differ by factors, as photographs do: seldom more than was said. */
  @ParameterizedTest
  @ValueSource(ints = {3, 6, 20, 64})
  void noiseElsewhereIsSeldomMoreThanWasSaid(int samples) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
    double sigma = 0.5;
    // The mean of a lognormal variable of median 1.
    double trueDb = -10 * Math.log10(1e-3 * Math.exp(sigma * sigma / 2));
    int wrong = 0;
    double slack = 0;
    int trials = 2000;
    for (int trial = 0; trial < trials; trial++) {
      SqnrBound bound = new SqnrBound();
      for (int i = 0; i < samples; i++) {
        bound.add(1, 1e-3 * Math.exp(sigma * random.nextGaussian()));
      }
      wrong += bound.lowDb() > trueDb ? 1 : 0;
      slack += (trueDb - bound.lowDb()) / trials;
    }
    // The method's 5 %, which skewed noise makes more of.
    assertThat(wrong / (double) trials).as("seed %d", SEED).isLessThan(0.12);
    assertThat(slack).as("seed %d", SEED).isLessThan(samples < 6 ? 6 : 3);
  }

  /**
   * Margins as many classes give them, dense near 0, and as a sure classifier does, of which few
   * are small. The bound is kept, and is no more than some times the truth.
   */
  @ParameterizedTest
  @CsvSource({"1, 12", "1, 20", "1, 64", "2, 20", "2, 64"})
  void changesElsewhereAreSeldomMoreThanWasSaid(double shape, int rows) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
    double noise = 0.05;
    int many = 400_000;
    int changed = 0;
    for (int i = 0; i < many; i++) {
      changed += margin(random, shape) + noise * random.nextGaussian() < 0 ? 1 : 0;
    }
    double truth = (double) changed / many;
    int wrong = 0;
    double told = 0;
    int trials = 1000;
    for (int trial = 0; trial < trials; trial++) {
      AgreementBound bound = new AgreementBound();
      for (int i = 0; i < rows; i++) {
        double margin = margin(random, shape);
        double change = noise * random.nextGaussian();
        bound.add(margin, change, margin + change >= 0);
      }
      double atMost = bound.changedAtMost();
      wrong += atMost < truth ? 1 : 0;
      told += atMost / trials;
    }
    assertThat(wrong / (double) trials).as("seed %d", SEED).isLessThan(0.1);
    // Counting alone would say 1 - 0.05^(1/rows) at best: 14 % for 20 rows.
    assertThat(told).as("seed %d", SEED).isLessThan(0.1);
  }

  /** Weibull's distribution of median 1: of shape 1 it is exponential, above that few are small. */
  private static double margin(RandomGenerator random, double shape) {
    return Math.pow(-Math.log(random.nextDouble()) / Math.log(2), 1 / shape);
  }
}
