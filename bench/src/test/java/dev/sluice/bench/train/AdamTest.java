package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class AdamTest {
  /** Its first step is the learning rate, whatever the gradient's size, and the decay. */
  @Test
  void firstStepIsTheRateAgainstTheGradient() {
    Parameter decaying = parameter(true, 1e-3f, -2);
    Parameter other = parameter(false, 5, 0);
    new Adam(List.of(List.of(decaying, other)), 0.5).step(0.01f, 4);
    assertThat(decaying.value()[0])
        .containsExactly(new float[] {1 - 0.01f - 0.005f, 1 + 0.01f - 0.005f}, within(1e-5f));
    assertThat(other.value()[0]).containsExactly(new float[] {1 - 0.01f, 1}, within(1e-5f));
  }

  @Test
  void gradientsOfSeveralNetworksAddUp() {
    Parameter whole = parameter(false, 3, -1);
    Parameter first = parameter(false, 1, 1);
    Parameter second = new Parameter("p", first.value(), false);
    second.gradient()[0][0] = 2;
    second.gradient()[0][1] = -2;
    Adam one = new Adam(List.of(List.of(whole)), 0);
    Adam two = new Adam(List.of(List.of(first), List.of(second)), 0);
    for (int i = 0; i < 3; i++) {
      one.step(0.1f, 2);
      two.step(0.1f, 2);
    }
    assertThat(first.value()[0]).isEqualTo(whole.value()[0]);
  }

  private static Parameter parameter(boolean decays, float... gradient) {
    Parameter parameter = new Parameter("p", new float[][] {{1, 1}}, decays);
    System.arraycopy(gradient, 0, parameter.gradient()[0], 0, gradient.length);
    return parameter;
  }
}
