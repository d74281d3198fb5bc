package dev.sluice.converter.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CalibratorTest {
  private static final int BINS = Histogram.BINS;
  private final Histogram.Scratch scratch = new Histogram.Scratch();

  private Histogram of(float... values) {
    Histogram histogram = new Histogram();
    assertThat(histogram.add(HistogramTest.floats(values), scratch)).isTrue();
    return histogram;
  }

  @Test
  void minMaxKeepsAllOnEachSide() {
    Bounds bounds = Calibrator.MINMAX.bounds(of(-0.5f, 0.25f, 3));
    assertThat(bounds).isEqualTo(new Bounds(-0.5, 3));
    assertThat(Calibrator.MINMAX.bounds(of(2, 3))).isEqualTo(new Bounds(0, 3));
    assertThat(Calibrator.MINMAX.bounds(of(-2, -3))).isEqualTo(new Bounds(-3, 0));
  }

  /** 9,999 of 10,000 lie in the first half of bin 1000: the bound is where the 9,999th is. */
  @Test
  void percentileOfKnownCounts() {
    long[] counts = new long[BINS];
    counts[1000] = 9_999;
    counts[2000] = 1;
    assertThat(Calibrator.PERCENTILE.magnitude(counts, 0.5, 1024))
        .isCloseTo(1001 * 0.5, within(1e-9));
    counts[2000] = 9_999L * 9;
    // 99.99 % of 99,990 is 99,980.001: 89,981.001 of the 89,991 in bin 2000.
    assertThat(Calibrator.PERCENTILE.magnitude(counts, 0.5, 1024))
        .isCloseTo((2000 + 89_981.001 / 89_991) * 0.5, within(1e-6));
  }

  /**
   * Two bins: clipping the far one costs its distance, which counts fourfold, keeping it costs a
   * wider step.
   */
  @Test
  void leastSquaresOfKnownCounts() {
    long[] counts = new long[BINS];
    counts[99] = 1_000_000;
    counts[BINS - 1] = 1;
    double best = Double.POSITIVE_INFINITY;
    int expected = 0;
    for (int bins = 2; bins <= BINS; bins++) {
      double step = bins / 127.0;
      double near = bins > 99 ? step * step / 12 : 4 * Math.pow(99.5 - bins, 2);
      double far = bins == BINS ? step * step / 12 : 4 * Math.pow(BINS - 0.5 - bins, 2);
      double error = 1_000_000 * near + far;
      if (error < best) {
        best = error;
        expected = bins;
      }
    }
    assertThat(expected).isBetween(101, 900);
    assertThat(Calibrator.MSE.magnitude(counts, 2, 0)).isEqualTo(2.0 * expected);
  }

  /**
   * An even distribution loses nothing by wide levels. One whose neighbours differ does: 128 levels
   * of one bin keep it, and the far element, one of a million, is clipped.
   */
  @Test
  void entropyClipsWhatIsRareAndFar() {
    long[] even = new long[BINS];
    Arrays.fill(even, 100);
    assertThat(Calibrator.ENTROPY.magnitude(even, 1, 0)).isEqualTo(BINS);
    long[] rare = new long[BINS];
    for (int i = 0; i < 128; i++) {
      rare[i] = i % 2 == 0 ? 1 : 20_000;
    }
    rare[BINS - 1] = 1;
    assertThat(Calibrator.ENTROPY.magnitude(rare, 1, 0)).isEqualTo(128);
  }

  /** With 128 levels of one bin each nothing is lost, whatever the counts are. */
  @Test
  void entropyNeverGoesBelowItsLevels() {
    long[] counts = new long[BINS];
    Random random = new Random(5);
    for (int i = 0; i < 128; i++) {
      counts[i] = 1 + random.nextLong(1000);
    }
    assertThat(Entropy.bins(counts)).isEqualTo(128);
  }

  @ParameterizedTest
  @EnumSource(Calibrator.class)
  void aFactorOfTwoDoublesTheBounds(Calibrator calibrator) {
    float[] values = HistogramTest.normal(11, 50_000, 1);
    float[] doubled = values.clone();
    for (int i = 0; i < values.length; i++) {
      doubled[i] *= 2;
    }
    Bounds one = calibrator.bounds(of(values));
    Bounds two = calibrator.bounds(of(doubled));
    assertThat(two).isEqualTo(new Bounds(2 * one.low(), 2 * one.high()));
  }

  @ParameterizedTest
  @EnumSource(Calibrator.class)
  void anyFactorScalesTheBounds(Calibrator calibrator) {
    float[] values = HistogramTest.normal(12, 50_000, 1);
    float[] scaled = values.clone();
    for (int i = 0; i < values.length; i++) {
      scaled[i] *= 0.37f;
    }
    Bounds one = calibrator.bounds(of(values));
    Bounds other = calibrator.bounds(of(scaled));
    // An element next to an edge may change its bin, and the pick go to a neighbour.
    assertThat(other.high()).isCloseTo(0.37 * one.high(), within(0.03 * one.high()));
    assertThat(other.low()).isCloseTo(0.37 * one.low(), within(0.03 * one.high()));
  }

  @ParameterizedTest
  @EnumSource(Calibrator.class)
  void theOrderOfElementsDoesNotCount(Calibrator calibrator) {
    float[] values = HistogramTest.normal(13, 8192, 1);
    float[] reversed = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      reversed[values.length - 1 - i] = values[i];
    }
    assertThat(calibrator.bounds(of(reversed))).isEqualTo(calibrator.bounds(of(values)));
  }

  @ParameterizedTest
  @EnumSource(Calibrator.class)
  void boundsLieInsideOfWhatWasObserved(Calibrator calibrator) {
    for (long seed = 0; seed < 20; seed++) {
      float[] values = HistogramTest.normal(seed, 3000, Math.pow(10, (double) seed - 10));
      if (seed % 2 == 0) {
        for (int i = 0; i < values.length; i++) {
          values[i] = Math.max(0, values[i]);
        }
      }
      Histogram histogram = of(values);
      Bounds bounds = calibrator.bounds(histogram);
      assertThat(bounds.low()).as("seed %d", seed).isBetween(histogram.observed().low(), 0.0);
      assertThat(bounds.high()).as("seed %d", seed).isBetween(0.0, histogram.observed().high());
      assertThat(bounds.magnitude()).isPositive();
      assertThat(seed % 2 == 0 ? bounds.low() : 0).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource(Calibrator.class)
  void nothingButZerosIsZero(Calibrator calibrator) {
    assertThat(calibrator.bounds(of(0, 0))).isEqualTo(new Bounds(0, 0));
    assertThat(calibrator.bounds(new Histogram())).isEqualTo(new Bounds(0, 0));
  }

  @Test
  void namesAreThoseOfTheCommandLine() {
    for (Calibrator calibrator : Calibrator.values()) {
      assertThat(Calibrator.of(calibrator.text())).isEqualTo(calibrator);
    }
    assertThatThrownBy(() -> Calibrator.of("kl"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("minmax, entropy, percentile, mse");
  }
}
