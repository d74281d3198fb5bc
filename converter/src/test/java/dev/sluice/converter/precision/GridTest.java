package dev.sluice.converter.precision;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.converter.calibrate.Bounds;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GridTest {
  @Test
  void scalesOfKnownBounds() {
    assertThat(Grid.symmetric(new Bounds(-2, 254))).isEqualTo(new Grid(2, 0, true));
    assertThat(Grid.unsigned(new Bounds(0, 510))).isEqualTo(new Grid(2, 0, false));
    assertThat(Grid.unsigned(new Bounds(-128, 127))).isEqualTo(new Grid(1, 128, false));
    assertThat(Grid.unsigned(new Bounds(-255, 0))).isEqualTo(new Grid(1, 255, false));
    assertThat(Grid.symmetric(new Bounds(0, 0)).scale()).isEqualTo(1);
  }

  @Test
  void halfWayGoesToTheEvenCode() {
    Grid grid = new Grid(2, 0, true);
    assertThat(grid.code(1)).isEqualTo(0);
    assertThat(grid.code(3)).isEqualTo(2);
    assertThat(grid.code(5)).isEqualTo(2);
    assertThat(grid.code(-1)).isEqualTo(0);
    assertThat(grid.code(-3)).isEqualTo(-2);
    assertThat(grid.code(1e30)).isEqualTo(127);
    assertThat(grid.code(-1e30)).isEqualTo(-128);
    assertThat(new Grid(1, 10, false).code(-1e30)).isZero();
    assertThat(new Grid(1, 10, false).code(1e30)).isEqualTo(255);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void quantizingTwiceIsQuantizingOnce(long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < 200; i++) {
      Bounds bounds = new Bounds(-random.nextDouble() * i, random.nextDouble() * (i + 1));
      for (Grid grid : new Grid[] {Grid.symmetric(bounds), Grid.unsigned(bounds)}) {
        assertThat(grid.value(grid.code(0))).isZero();
        for (int n = 0; n < 50; n++) {
          double value = random.nextGaussian() * bounds.magnitude();
          int code = grid.code(value);
          assertThat(grid.code(grid.value(code))).as("seed %d", seed).isEqualTo(code);
          if (value >= bounds.low() && value <= bounds.high()) {
            assertThat(Math.abs(grid.value(code) - value)).isLessThanOrEqualTo(grid.scale());
          }
        }
      }
    }
  }

  @Test
  void aFactorOfTwoKeepsEveryCode() {
    Random random = new Random(4);
    Bounds bounds = new Bounds(-0.7, 1.3);
    Grid one = Grid.unsigned(bounds);
    Grid two = Grid.unsigned(new Bounds(2 * bounds.low(), 2 * bounds.high()));
    for (int i = 0; i < 1000; i++) {
      double value = random.nextGaussian();
      assertThat(two.code(2 * value)).isEqualTo(one.code(value));
    }
  }
}
