package dev.sluice.bench.peers;

/**
 * A line of the table: a figure of the engine's beside the same of a peer's, from turns in the same
 * run.
 *
 * <p>Thread safety: immutable.
 *
 * @param id names the line from run to run, for instance {@code b-64-platform-rows-djl}
 * @param model what was served, for instance {@code b}
 * @param what the load and the figure, in words
 * @param peer who is beside, in words
 * @param unit of both figures, for instance {@code us} or {@code rows/s}
 * @param sluice the engine's figure, the median of its turns
 * @param other the peer's
 * @param ratio the engine's figure over the peer's, paired by round
 * @param moreIsBetter whether a larger ratio is better
 * @param bar what the ratio has to reach; null where nothing is asked
 * @param strict whether the worse end of the interval has to reach it, not just the median
 */
public record TableRow(
    String id,
    String model,
    String what,
    String peer,
    String unit,
    double sluice,
    double other,
    PairedRatio ratio,
    boolean moreIsBetter,
    Double bar,
    boolean strict) {

  /** Whether the bar is reached; true where there is none. */
  public boolean reached() {
    if (bar == null) {
      return true;
    }
    if (moreIsBetter) {
      return (strict ? ratio.low() : ratio.median()) >= bar;
    }
    return (strict ? ratio.high() : ratio.median()) <= bar;
  }
}
