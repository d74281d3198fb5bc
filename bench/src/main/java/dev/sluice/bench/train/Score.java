package dev.sluice.bench.train;

import java.util.Arrays;

/**
 * How good scores are on labelled images.
 *
 * <p>Immutable, hence thread-safe.
 *
 * @param samples how many images
 * @param correct how many of them got their highest score for their own class
 * @param closest smallest distance between the two highest scores of any image: an engine whose
 *     scores differ by less than half of it counts exactly the same
 */
record Score(int samples, int correct, double closest) {
  private static final int BATCH = 64;

  /**
   * Counts.
   *
   * @param logits the scores of each image for each class
   */
  static Score of(LabelledImages images, float[][] logits) {
    int correct = 0;
    double closest = Double.MAX_VALUE;
    for (int i = 0; i < logits.length; i++) {
      if (ResidualNet.best(logits[i]) == images.labels()[i]) {
        correct++;
      }
      float[] sorted = logits[i].clone();
      Arrays.sort(sorted);
      closest = Math.min(closest, sorted[sorted.length - 1] - sorted[sorted.length - 2]);
    }
    return new Score(images.count(), correct, closest);
  }

  /** The scores that a network of folded weights gives each image. */
  static float[][] logits(Architecture architecture, Weights folded, LabelledImages images) {
    ResidualNet net = new ResidualNet(architecture, folded, BATCH, true);
    float[][] all = new float[images.count()][];
    for (int from = 0; from < all.length; from += BATCH) {
      int count = Math.min(BATCH, all.length - from);
      for (int i = 0; i < count; i++) {
        HexDigits.scale(
            images.pixels(), (from + i) * HexDigits.PIXELS, net.input(), i * HexDigits.PIXELS);
      }
      float[][] logits = net.forward();
      for (int i = 0; i < count; i++) {
        all[from + i] = logits[i].clone();
      }
    }
    return all;
  }

  /** Fraction of the images that were right, from 0 to 1. */
  double accuracy() {
    return (double) correct / samples;
  }
}
