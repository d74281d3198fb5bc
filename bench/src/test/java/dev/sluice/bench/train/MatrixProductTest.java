package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MatrixProductTest {
  @ParameterizedTest
  @CsvSource({"1,1,1", "3,7,5", "2,8,16", "5,9,33", "16,144,401", "1,17,2", "4,0,3"})
  void agreesWithThePlainSum(int rows, int depth, int columns) {
    Random random = new Random(TestSeeds.seed());
    int from = 3;
    float[][] a = TestSeeds.matrix(random, rows, from + depth);
    float[][] b = TestSeeds.matrix(random, Math.max(depth, 1), columns);
    float[][] c = TestSeeds.matrix(random, rows, columns);
    float[][] before = new float[rows][];
    for (int i = 0; i < rows; i++) {
      before[i] = c[i].clone();
    }
    MatrixProduct.add(a, from, rows, depth, b, c, columns);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        double sum = before[i][j];
        double size = Math.abs(sum);
        for (int k = 0; k < depth; k++) {
          double term = (double) a[i][from + k] * b[k][j];
          sum += term;
          size += Math.abs(term);
        }
        // Each of depth products and sums is off by at most half an ulp of at most size.
        double bound = (depth + 1) * 0x1.0p-23 * size;
        assertThat((double) c[i][j]).as(TestSeeds.note()).isCloseTo(sum, within(bound));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "16,16", "17,5", "3,40", "33,31"})
  void transposes(int rows, int columns) {
    float[][] matrix = TestSeeds.matrix(new Random(TestSeeds.seed()), rows, columns);
    float[][] out = new float[columns][rows];
    MatrixProduct.transpose(matrix, rows, columns, out);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        assertThat(out[j][i]).as(TestSeeds.note()).isEqualTo(matrix[i][j]);
      }
    }
  }
}
