package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Holds the elementary functions against those of {@link StrictMath}, and known values. */
class ElementaryTest {
  /** Half the distance of floats around one: what a result loses when it is rounded to a float. */
  private static final double ROUNDING = 0x1p-24;

  @Test
  void exponentialIsRightOverAFloatsRange() {
    for (double x = -88; x <= 88; x += 0.037) {
      double expected = StrictMath.exp(x);
      assertThat(Elementary.exp(x)).as("x " + x).isCloseTo(expected, within(3e-9 * expected));
    }
    assertThat(Elementary.exp(0)).isEqualTo(1);
  }

  @Test
  void exponentialStaysFiniteBeyond() {
    assertThat(Elementary.exp(1e30)).isEqualTo(Elementary.exp(88));
    assertThat(Elementary.exp(-1e30)).isPositive().isLessThan(1e-38);
  }

  @Test
  void gatesAreRight() {
    for (float x = -30; x <= 30; x += 0.0113f) {
      double tanh = StrictMath.tanh(x);
      assertThat((double) Elementary.tanh(x))
          .as("x " + x)
          .isCloseTo(tanh, within(2 * ROUNDING * Math.abs(tanh) + 1e-12));
      double sigmoid = 1 / (1 + StrictMath.exp(-x));
      assertThat((double) Elementary.sigmoid(x))
          .as("x " + x)
          .isCloseTo(sigmoid, within(2 * ROUNDING * sigmoid));
    }
  }

  /** The values are those of tables. */
  @ParameterizedTest
  @CsvSource({
    "0,0",
    "0.1,0.1124629160",
    "0.5,0.5204998778",
    "1,0.8427007929",
    "1.5,0.9661051465",
    "2,0.9953222650",
    "3,0.9999779095",
    "9,1"
  })
  void errorFunctionIsThatOfTheTables(double x, double expected) {
    assertThat(Elementary.erf(x)).isCloseTo(expected, within(1.6e-7));
    assertThat(Elementary.erf(-x)).isCloseTo(-expected, within(1.6e-7));
  }

  @Test
  void densityIsTheSlopeOfTheShareBelow() {
    for (double x = -4; x <= 4; x += 0.05) {
      double step = 1e-2;
      double slope =
          (Elementary.erf((x + step) / Math.sqrt(2)) - Elementary.erf((x - step) / Math.sqrt(2)))
              / (4 * step);
      assertThat((double) Elementary.normalDensity((float) x)).isCloseTo(slope, within(3e-5));
    }
    assertThat(Elementary.normalBelow(0)).isCloseTo(0.5f, within(1e-7f));
    assertThat(Elementary.normalBelow(1)).isCloseTo(0.8413447f, within(2e-7f));
  }
}
