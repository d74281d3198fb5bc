package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RectifierTest {
  @Test
  void letsThroughWhatLiesBetweenZeroAndTheCap() {
    Planes values = new Planes(1, 1, 1, 5);
    System.arraycopy(new float[] {-1, 0, 2, 6, 7}, 0, values.rows()[0], 0, 5);
    Rectifier rectifier = new Rectifier(6);
    assertThat(rectifier.forward(values).rows()[0]).containsExactly(0, 0, 2, 6, 6);
    Planes gradient = values.like();
    System.arraycopy(new float[] {1, 2, 3, 4, 5}, 0, gradient.rows()[0], 0, 5);
    assertThat(rectifier.backward(gradient).rows()[0]).containsExactly(0, 0, 3, 0, 0);
  }

  @Test
  void hasNoCapUnlessOneIsGiven() {
    Planes values = new Planes(1, 1, 1, 2);
    System.arraycopy(new float[] {-3, 1e30f}, 0, values.rows()[0], 0, 2);
    assertThat(new Rectifier().forward(values).rows()[0]).containsExactly(0, 1e30f);
  }
}
