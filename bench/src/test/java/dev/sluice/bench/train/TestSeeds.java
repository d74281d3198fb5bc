package dev.sluice.bench.train;

import java.util.Random;

/**
 * The seed of randomised tests: the system property {@code sluice.seed}, or a committed default.
 */
final class TestSeeds {
  private TestSeeds() {}

  static long seed() {
    String given = System.getProperty("sluice.seed", "");
    return given.isEmpty() ? 7 : Long.parseLong(given);
  }

  /** What a failing assertion should carry. */
  static String note() {
    return "seed " + seed() + " (-Dsluice.seed=" + seed() + ")";
  }

  static float[][] matrix(Random random, int rows, int columns) {
    float[][] matrix = new float[rows][columns];
    for (float[] row : matrix) {
      fill(random, row);
    }
    return matrix;
  }

  static void fill(Random random, float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
  }
}
