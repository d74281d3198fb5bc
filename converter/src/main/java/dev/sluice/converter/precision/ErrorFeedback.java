package dev.sluice.converter.precision;

import java.util.ArrayList;
import java.util.List;

/**
 * Rounds weights to codes one after the other, and makes those that follow take back what each
 * rounding does to the result, as far as their inputs go together with its own. Frantar et al.,
 * GPTQ, arXiv 2210.17323; the error that is least is that of the layer's result on samples.
 *
 * <p>Glossary: H are the second moments of the inputs, with {@value #DAMPING} of their mean added
 * on the diagonal so that the inverse exists; U is the upper triangle with {@code U'U = inverse of
 * H}. A weight that is off by {@code e} is best answered by adding {@code -e U[i][j] / U[i][i]} to
 * each weight j after it.
 *
 * <p>Thread safety: immutable.
 */
final class ErrorFeedback {
  private static final double DAMPING = 0.01;

  private final List<double[]> upper = new ArrayList<>();

  /** Prepares the blocks of a group. */
  ErrorFeedback(List<double[]> moments) {
    for (double[] block : moments) {
      upper.add(upper(block, (int) Math.round(Math.sqrt(block.length))));
    }
  }

  /**
   * Rounds the weights of one channel of the result.
   *
   * @param weights in the order of the inputs; changed
   * @param codes where the codes go
   */
  void round(double[] weights, float scale, byte[] codes) {
    int first = 0;
    for (double[] block : upper) {
      int size = (int) Math.round(Math.sqrt(block.length));
      for (int i = 0; i < size; i++) {
        double weight = weights[first + i];
        double code =
            Math.clamp(Math.rint(weight / scale), -Grid.MAX_SIGNED, (double) Grid.MAX_SIGNED);
        codes[first + i] = (byte) code;
        double error = (weight - code * scale) / block[i * size + i];
        for (int j = i + 1; j < size; j++) {
          weights[first + j] -= error * block[i * size + j];
        }
      }
      first += size;
    }
  }

  /** U of a block whose lower triangle is given. */
  private static double[] upper(double[] moments, int size) {
    double trace = 0;
    for (int i = 0; i < size; i++) {
      trace += moments[i * size + i];
    }
    double damping = trace == 0 ? 1 : DAMPING * trace / size;
    double[] damped = moments.clone();
    for (int i = 0; i < size; i++) {
      damped[i * size + i] += damping;
    }
    double[] inverse = inverse(cholesky(damped, size), size);
    double[] lower = cholesky(inverse, size);
    double[] upper = new double[size * size];
    for (int i = 0; i < size; i++) {
      for (int j = 0; j <= i; j++) {
        upper[j * size + i] = lower[i * size + j];
      }
    }
    return upper;
  }

  /** The lower triangle L with L L' = A, of which the lower triangle is read. */
  private static double[] cholesky(double[] a, int size) {
    double[] l = new double[size * size];
    for (int i = 0; i < size; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = a[i * size + j];
        for (int k = 0; k < j; k++) {
          sum -= l[i * size + k] * l[j * size + k];
        }
        l[i * size + j] = i == j ? Math.sqrt(sum) : sum / l[j * size + j];
      }
    }
    return l;
  }

  /** The inverse of L L', its lower triangle. */
  private static double[] inverse(double[] l, int size) {
    // Row i of the inverse of L' is column i of that of L.
    double[] columns = new double[size * size];
    for (int c = 0; c < size; c++) {
      columns[c * size + c] = 1 / l[c * size + c];
      for (int i = c + 1; i < size; i++) {
        double sum = 0;
        for (int k = c; k < i; k++) {
          sum -= l[i * size + k] * columns[c * size + k];
        }
        columns[c * size + i] = sum / l[i * size + i];
      }
    }
    double[] inverse = new double[size * size];
    for (int i = 0; i < size; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = 0;
        for (int k = i; k < size; k++) {
          sum += columns[i * size + k] * columns[j * size + k];
        }
        inverse[i * size + j] = sum;
      }
    }
    return inverse;
  }
}
