package dev.sluice.bench.peers;

/**
 * What a ratio has to reach.
 *
 * <p>Thread safety: immutable.
 *
 * @param value at most, or at least, as the figure has it
 * @param strict whether the worse end of the interval has to reach it, not just the median
 */
record Bar(double value, boolean strict) {
  /** For the median of the rounds. */
  static Bar median(double value) {
    return new Bar(value, false);
  }

  /** For the worse end of the 95 % interval. */
  static Bar bound(double value) {
    return new Bar(value, true);
  }
}
