package dev.sluice.bench.train;

import java.util.Arrays;

/**
 * How good scores are on labelled samples.
 *
 * <p>Immutable, hence thread-safe.
 *
 * @param samples how many
 * @param correct how many of them got their highest score for their own class
 * @param closest smallest distance between the two highest scores of any sample: an engine whose
 *     scores differ by less than half of it counts exactly the same
 */
record Score(int samples, int correct, double closest) {
  private static final int BATCH = 64;

  /**
   * Counts.
   *
   * @param logits the scores of each sample for each class
   */
  static Score of(LabelledRows rows, float[][] logits) {
    int correct = 0;
    double closest = Double.MAX_VALUE;
    for (int i = 0; i < logits.length; i++) {
      if (Net.best(logits[i]) == rows.labels()[i]) {
        correct++;
      }
      float[] sorted = logits[i].clone();
      Arrays.sort(sorted);
      closest = Math.min(closest, sorted[sorted.length - 1] - sorted[sorted.length - 2]);
    }
    return new Score(rows.count(), correct, closest);
  }

  /** The scores that a network of folded weights gives each sample. */
  static float[][] logits(Blueprint blueprint, Weights folded, LabelledRows rows) {
    Net net = blueprint.net(folded, BATCH, true);
    int elements = rows.rowElements();
    float[][] all = new float[rows.count()][];
    for (int from = 0; from < all.length; from += BATCH) {
      int count = Math.min(BATCH, all.length - from);
      System.arraycopy(rows.values(), from * elements, net.input(), 0, count * elements);
      float[][] logits = net.forward();
      for (int i = 0; i < count; i++) {
        all[from + i] = logits[i].clone();
      }
    }
    return all;
  }

  /** Fraction of the samples that were right, from 0 to 1. */
  double accuracy() {
    return (double) correct / samples;
  }
}
