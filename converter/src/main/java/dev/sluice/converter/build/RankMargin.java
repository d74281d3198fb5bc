package dev.sluice.converter.build;

/**
 * How far two scores must be apart so that each machine ranks them alike.
 *
 * <p>Thread safety: immutable.
 *
 * @param abs largest difference that rounding makes
 * @param rel added to it, times the largest magnitude
 */
record RankMargin(double abs, double rel) {
  /** Whether the first {@code k} of falling scores, and the next one, are that far apart. */
  boolean holds(float[] falling, int k) {
    double largest = 0;
    for (float score : falling) {
      if (!Float.isFinite(score)) {
        return false;
      }
      largest = Math.max(largest, Math.abs(score));
    }
    double margin = 2 * (abs + rel * largest);
    for (int i = 0; i < Math.min(k, falling.length - 1); i++) {
      if (falling[i] - falling[i + 1] <= margin) {
        return false;
      }
    }
    return true;
  }
}
