package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DepthwiseConvolutionTest {
  /** A convolution of all channels whose weights between different channels are zero. */
  @ParameterizedTest
  @CsvSource({"1,1,1,1", "3,1,5,2", "3,2,5,2", "2,2,6,3", "4,1,20,2", "1,2,1,2", "2,1,2,1"})
  void agreesWithAConvolutionOfAllChannels(int channels, int stride, int side, int samples) {
    Random random = new Random(TestSeeds.seed());
    Planes in = new Planes(channels, samples, side, side);
    for (float[] row : in.rows()) {
      TestSeeds.fill(random, row);
    }
    Weights weights = new Weights();
    DepthwiseConvolution depthwise =
        new DepthwiseConvolution("depthwise", weights, in, stride, true);
    Convolution.Geometry geometry = new Convolution.Geometry(channels, channels, 3, stride, side);
    Convolution full = new Convolution("full", weights, geometry, samples, true, false);
    for (int c = 0; c < channels; c++) {
      float[] kernel = weights.get("depthwise.weight")[c];
      TestSeeds.fill(random, kernel);
      System.arraycopy(kernel, 0, weights.get("full.weight")[c], c * 9, 9);
    }
    TestSeeds.fill(random, weights.get("depthwise.bias")[0]);
    System.arraycopy(weights.get("depthwise.bias")[0], 0, weights.get("full.bias")[0], 0, channels);

    same(depthwise.forward(in), full.forward(in));

    Planes gradient = depthwise.output().like();
    for (float[] row : gradient.rows()) {
      TestSeeds.fill(random, row);
    }
    same(depthwise.backward(gradient), full.backward(gradient));
    depthwise.parameters(ours ->
        full.parameters(theirs -> {
          for (int c = 0; c < channels; c++) {
            for (int k = 0; k < 9; k++) {
              assertThat(ours.gradient()[c][k])
                  .as(TestSeeds.note())
                  .isCloseTo(theirs.gradient()[c][c * 9 + k], within(1e-3f));
            }
          }
        }));
  }

  private static void same(Planes actual, Planes expected) {
    for (int c = 0; c < expected.channels(); c++) {
      assertThat(actual.rows()[c])
          .as(TestSeeds.note())
          .containsExactly(expected.rows()[c], within(1e-4f));
    }
  }
}
