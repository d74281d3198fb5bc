package dev.sluice.bench.train;

import java.util.Map;

/**
 * Turns trained weights into those of a network without batch normalisation: with the running
 * statistics fixed, scale and shift are a factor on each row of the convolution before and a bias.
 *
 * <p>Stateless, hence thread-safe.
 */
final class FoldedWeights {
  private FoldedWeights() {}

  /** The weights of the same network with {@code folded} set; the argument is left as it is. */
  static Weights of(Weights trained) {
    Weights folded = new Weights();
    for (Map.Entry<String, float[][]> entry : trained.all().entrySet()) {
      String name = entry.getKey();
      float[][] matrix = entry.getValue();
      String layer = name.substring(0, name.lastIndexOf('.'));
      if (!trained.all().containsKey(layer + ".mean")) {
        copy(matrix, folded.matrix(name, matrix.length, matrix[0].length));
      } else if (name.endsWith(".weight")) {
        fold(layer, trained, folded);
      }
    }
    return folded;
  }

  private static void copy(float[][] from, float[][] to) {
    for (int i = 0; i < from.length; i++) {
      System.arraycopy(from[i], 0, to[i], 0, from[i].length);
    }
  }

  private static void fold(String layer, Weights trained, Weights folded) {
    float[][] from = trained.get(layer + ".weight");
    float[] scale = trained.get(layer + ".scale")[0];
    float[] shift = trained.get(layer + ".shift")[0];
    float[] mean = trained.get(layer + ".mean")[0];
    float[] variance = trained.get(layer + ".variance")[0];
    float[][] to = folded.matrix(layer + ".weight", from.length, from[0].length);
    float[] bias = folded.row(layer + ".bias", from.length, 0);
    for (int c = 0; c < from.length; c++) {
      double factor = scale[c] / Math.sqrt((double) variance[c] + BatchNorm.EPSILON);
      for (int i = 0; i < from[c].length; i++) {
        to[c][i] = (float) (from[c][i] * factor);
      }
      bias[c] = (float) (shift[c] - mean[c] * factor);
    }
  }
}
