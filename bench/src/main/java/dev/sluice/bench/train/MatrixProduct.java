package dev.sluice.bench.train;

import java.util.Arrays;

/**
 * Products of matrices held as rows. The inner loops run along the columns of the right factor, so
 * the JIT compiler turns them into vector code without reordering any sum: each element is always
 * the same sequence of additions.
 *
 * <p>Stateless, hence thread-safe.
 */
final class MatrixProduct {
  private MatrixProduct() {}

  /**
   * {@code c[i][j] += sum over k of a[i][from + k] * b[k][j]}.
   *
   * @param from first column of {@code a} that takes part
   * @param depth number of columns of {@code a}, rows of {@code b}
   * @param columns of {@code b} and {@code c}
   */
  static void add(
      float[][] a, int from, int rows, int depth, float[][] b, float[][] c, int columns) {
    for (int i = 0; i < rows; i++) {
      float[] factors = a[i];
      float[] out = c[i];
      int k = 0;
      for (; k + 8 <= depth; k += 8) {
        addEight(out, factors, from + k, b, k, columns);
      }
      for (; k < depth; k++) {
        addOne(out, factors[from + k], b[k], columns);
      }
    }
  }

  /** As {@link #add}, into zeros. */
  static void set(
      float[][] a, int from, int rows, int depth, float[][] b, float[][] c, int columns) {
    for (int i = 0; i < rows; i++) {
      Arrays.fill(c[i], 0, columns, 0);
    }
    add(a, from, rows, depth, b, c, columns);
  }

  private static void addEight(float[] out, float[] f, int at, float[][] b, int k, int columns) {
    addEight(
        out, f[at], f[at + 1], f[at + 2], f[at + 3], f[at + 4], f[at + 5], f[at + 6], f[at + 7],
        b[k], b[k + 1], b[k + 2], b[k + 3], b[k + 4], b[k + 5], b[k + 6], b[k + 7], columns);
  }

  private static void addEight(
      float[] out,
      float f0,
      float f1,
      float f2,
      float f3,
      float f4,
      float f5,
      float f6,
      float f7,
      float[] r0,
      float[] r1,
      float[] r2,
      float[] r3,
      float[] r4,
      float[] r5,
      float[] r6,
      float[] r7,
      int columns) {
    for (int j = 0; j < columns; j++) {
      out[j] =
          out[j]
              + f0 * r0[j]
              + f1 * r1[j]
              + f2 * r2[j]
              + f3 * r3[j]
              + f4 * r4[j]
              + f5 * r5[j]
              + f6 * r6[j]
              + f7 * r7[j];
    }
  }

  private static void addOne(float[] out, float factor, float[] row, int columns) {
    for (int j = 0; j < columns; j++) {
      out[j] += factor * row[j];
    }
  }

  /** Writes the transpose of a rows x columns matrix, in blocks that stay in the cache. */
  static void transpose(float[][] matrix, int rows, int columns, float[][] out) {
    final int block = 16;
    for (int i0 = 0; i0 < rows; i0 += block) {
      int i1 = Math.min(i0 + block, rows);
      for (int j0 = 0; j0 < columns; j0 += block) {
        int j1 = Math.min(j0 + block, columns);
        for (int j = j0; j < j1; j++) {
          float[] row = out[j];
          for (int i = i0; i < i1; i++) {
            row[i] = matrix[i][j];
          }
        }
      }
    }
  }
}
