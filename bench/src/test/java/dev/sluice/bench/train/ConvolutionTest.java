package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bench.train.Convolution.Geometry;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConvolutionTest {
  /** The last two need more than one tile, the last with a rest. */
  @ParameterizedTest
  @CsvSource({
    "1,2,3,1,5,1",
    "3,2,3,2,6,2",
    "2,3,3,2,7,3",
    "4,5,1,2,5,2",
    "2,2,1,1,3,4",
    "3,4,3,1,20,3",
    "2,3,3,1,13,5"
  })
  void agreesWithTheDefinition(
      int inputs, int outputs, int kernel, int stride, int side, int samples) {
    Random random = new Random(TestSeeds.seed());
    Geometry geometry = new Geometry(inputs, outputs, kernel, stride, side);
    Weights weights = new Weights();
    Convolution convolution = new Convolution("c", weights, geometry, samples, true, false);
    float[][] w = weights.get("c.weight");
    float[] bias = weights.get("c.bias")[0];
    for (float[] row : w) {
      TestSeeds.fill(random, row);
    }
    TestSeeds.fill(random, bias);
    Planes in = new Planes(inputs, samples, side, side);
    for (float[] row : in.rows()) {
      TestSeeds.fill(random, row);
    }

    Planes out = convolution.forward(in);

    int outSide = geometry.outputSide();
    for (int c = 0; c < outputs; c++) {
      for (int s = 0; s < samples; s++) {
        for (int y = 0; y < outSide; y++) {
          for (int x = 0; x < outSide; x++) {
            double expected = bias[c] + plain(geometry, w[c], in, s, y, x);
            float actual = out.rows()[c][(s * outSide + y) * outSide + x];
            assertThat((double) actual)
                .as(TestSeeds.note())
                .isCloseTo(expected, within(1e-5 * (geometry.depth() + 1)));
          }
        }
      }
    }
  }

  private static double plain(Geometry g, float[] w, Planes in, int sample, int y, int x) {
    double sum = 0;
    for (int i = 0; i < g.inputs(); i++) {
      for (int ky = 0; ky < g.kernel(); ky++) {
        for (int kx = 0; kx < g.kernel(); kx++) {
          int row = y * g.stride() + ky - g.padding();
          int column = x * g.stride() + kx - g.padding();
          if (row >= 0 && row < g.inputSide() && column >= 0 && column < g.inputSide()) {
            sum +=
                (double) w[(i * g.kernel() + ky) * g.kernel() + kx]
                    * in.rows()[i][(sample * g.inputSide() + row) * g.inputSide() + column];
          }
        }
      }
    }
    return sum;
  }
}
