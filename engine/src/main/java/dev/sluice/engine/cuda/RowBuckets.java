package dev.sluice.engine.cuda;

/**
 * Which numbers of rows have runs of their own: each up to 8, above that four to each power of two
 * (10, 12, 14, 16, 20, 24 ...). A batch runs with as many rows as the next of these; those that are
 * too many are zeros. So at most a fifth of a run is wasted, and 64 rows need 20 graphs, not 64.
 *
 * <p>Thread safety: stateless.
 */
final class RowBuckets {
  private static final int EXACT = 8;
  private static final int STEPS = 4;

  private RowBuckets() {}

  /**
   * The rows that a run of {@code rows} has.
   *
   * @param least of the plan's; fewer are filled up
   * @param most at least {@code rows}
   */
  static int of(int rows, int least, int most) {
    int rounded = rows;
    if (rows > EXACT) {
      int step = Integer.highestOneBit(rows - 1) / STEPS;
      rounded = (rows + step - 1) / step * step;
    }
    return Math.max(least, Math.min(rounded, Math.max(least, most)));
  }

  /** The next bucket's rows below {@code bucket}; 0 where there is none. */
  static int below(int bucket, int least, int most) {
    for (int rows = bucket - 1; rows >= 1; rows--) {
      int lower = of(rows, least, most);
      if (lower < bucket) {
        return lower;
      }
    }
    return 0;
  }
}
