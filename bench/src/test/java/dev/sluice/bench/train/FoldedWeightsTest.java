package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bench.train.Architecture.Block;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FoldedWeightsTest {
  private static final int SAMPLES = 6;

  /**
   * With the running statistics set to those of one batch, the folded network must score that batch
   * as the training network does.
   */
  @Test
  void foldedNetworkScoresAsTheNormalisedOne() {
    Random random = new Random(TestSeeds.seed());
    Architecture architecture =
        new Architecture(10, 4, List.of(new Block(4, 1), new Block(6, 2)), 5);
    Weights weights = architecture.initialise(TestSeeds.seed());
    ResidualNet training = new ResidualNet(architecture, weights, SAMPLES, false);
    for (Parameter parameter : training.parameters()) {
      for (float[] row : parameter.value()) {
        for (int i = 0; i < row.length; i++) {
          row[i] += 0.2f * (float) random.nextGaussian();
        }
      }
    }
    TestSeeds.fill(random, training.input());
    float[][] expected = training.forward();
    training.updateRunning(1);

    ResidualNet folded = new ResidualNet(architecture, FoldedWeights.of(weights), SAMPLES, true);
    System.arraycopy(training.input(), 0, folded.input(), 0, training.input().length);
    float[][] actual = folded.forward();

    for (int s = 0; s < SAMPLES; s++) {
      for (int k = 0; k < architecture.classes(); k++) {
        assertThat(actual[s][k]).as(TestSeeds.note()).isCloseTo(expected[s][k], within(1e-4f));
      }
    }
  }
}
