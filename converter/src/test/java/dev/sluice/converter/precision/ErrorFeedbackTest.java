package dev.sluice.converter.precision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ErrorFeedbackTest {
  private static final float SCALE = 0.1f;

  private static double[] moments(double[][] inputs) {
    int size = inputs[0].length;
    double[] sums = new double[size * size];
    for (double[] x : inputs) {
      for (int i = 0; i < size; i++) {
        for (int j = 0; j <= i; j++) {
          sums[i * size + j] += x[i] * x[j];
        }
      }
    }
    return sums;
  }

  private static double error(double[][] inputs, double[] weights, byte[] codes) {
    double squares = 0;
    for (double[] x : inputs) {
      double difference = 0;
      for (int i = 0; i < x.length; i++) {
        difference += (weights[i] - codes[i] * (double) SCALE) * x[i];
      }
      squares += difference * difference;
    }
    return squares;
  }

  private static byte[] nearest(double[] weights) {
    byte[] codes = new byte[weights.length];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) Math.clamp(Math.rint(weights[i] / SCALE), -127, 127);
    }
    return codes;
  }

  private static byte[] fedBack(double[] weights, List<double[]> blocks) {
    byte[] codes = new byte[weights.length];
    new ErrorFeedback(blocks).round(weights.clone(), SCALE, codes);
    return codes;
  }

  /** Two inputs that are always equal: what the first weight loses the second one gets. */
  @Test
  void equalInputsShareTheirErrors() {
    double[][] inputs = {{1, 1}, {2, 2}, {-3, -3}};
    double[] weights = {0.14, 0.14};
    assertThat(nearest(weights)).containsExactly(1, 1);
    // 0.28 is nearer to three steps than to two.
    assertThat(fedBack(weights, List.of(moments(inputs)))).containsExactly(1, 2);
  }

  /** Nothing to be taken back: rounding to nearest is the best there is. */
  @Test
  void inputsThatHaveNothingInCommonAreRoundedToNearest() {
    double[][] inputs = {{1, 0, 0}, {0, 5, 0}, {0, 0, 0.1}};
    double[] weights = {0.14, -0.26, 20};
    assertThat(fedBack(weights, List.of(moments(inputs)))).containsExactly(1, -3, 127);
  }

  @Test
  void whatNoSampleHasShownIsRoundedToNearest() {
    double[] weights = {0.14, -0.26, 0.31};
    assertThat(fedBack(weights, List.of(new double[9]))).containsExactly(1, -3, 3);
  }

  /** Inputs behind a rectifier have a mean, which is where rounding to nearest loses most. */
  @ParameterizedTest
  @CsvSource({"8,1", "33,2", "64,3", "100,4"})
  void theResultsErrorIsLessThanByRoundingToNearest(int size, long seed) {
    Random random = new Random(seed);
    double[][] inputs = new double[400][size];
    for (double[] x : inputs) {
      for (int i = 0; i < size; i++) {
        x[i] = Math.max(0, random.nextGaussian() + 0.5 + (i > 0 ? x[i - 1] / 2 : 0));
      }
    }
    int half = size / 2;
    double[] all = moments(inputs);
    double[] first = new double[half * half];
    double[] second = new double[(size - half) * (size - half)];
    for (int i = 0; i < size; i++) {
      for (int j = 0; j <= i; j++) {
        if (i < half) {
          first[i * half + j] = all[i * size + j];
        } else if (j >= half) {
          second[(i - half) * (size - half) + j - half] = all[i * size + j];
        }
      }
    }
    double nearest = 0;
    double whole = 0;
    double parts = 0;
    for (int row = 0; row < 50; row++) {
      double[] weights = random.doubles(size, -1, 1).toArray();
      nearest += error(inputs, weights, nearest(weights));
      whole += error(inputs, weights, fedBack(weights, List.of(all)));
      parts += error(inputs, weights, fedBack(weights, List.of(first, second)));
    }
    assertThat(whole / nearest).as("seed %d", seed).isLessThan(0.5);
    assertThat(parts / nearest).as("seed %d", seed).isLessThan(0.8);
  }

  @Test
  void weightsStayWithinTheCodes() {
    double[][] inputs = {{1, 1}};
    byte[] codes = fedBack(new double[] {-20, 12.74}, List.of(moments(inputs)));
    assertThat((double) codes[0]).isCloseTo(-127, within(0.0));
  }
}
