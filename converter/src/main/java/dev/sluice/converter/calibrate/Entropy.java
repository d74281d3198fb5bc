package dev.sluice.converter.calibrate;

/**
 * The number of bins that an 8-bit tensor keeps with the least loss of information.
 *
 * <p>For each number of bins from {@value #LEVELS} on: the reference is those bins with what is
 * clipped added to the last; the candidate is those bins without it, summed up by {@value #LEVELS}
 * levels of as many bins each, and spread evenly over the bins of a level that have something. Both
 * are normalised; the number with the least {@code sum p log(p / q)} wins.
 *
 * <p>With {@code p} of a bin its count {@code c} of all {@code n}, and {@code q} the same for all
 * bins of a level, the sum is {@code sum(c log c) / n - log n - sum(count of level * log q) / n}:
 * running totals over the bins leave one logarithm for each level.
 *
 * <p>Thread safety: immutable.
 */
final class Entropy {
  private static final int LEVELS = 128;

  /** A level without a count stands for one that is rare. */
  private static final double LEAST_SHARE = 1e-12;

  /** Less is rounding: of two numbers of bins that are as good the larger wins. */
  private static final double NOTHING = 1e-12;

  private final double[] observed;

  /** Up to each bin: counts, bins with a count, and {@code c log c}. */
  private final double[] sums;

  private final int[] filled;
  private final double[] logs;

  private Entropy(long[] counts) {
    int bins = counts.length;
    observed = new double[bins];
    sums = new double[bins + 1];
    filled = new int[bins + 1];
    logs = new double[bins + 1];
    for (int i = 0; i < bins; i++) {
      observed[i] = i > 0 ? counts[i] : Math.min(counts[0], Math.max(1, counts[1]));
      sums[i + 1] = sums[i] + observed[i];
      filled[i + 1] = filled[i] + (observed[i] > 0 ? 1 : 0);
      logs[i + 1] = logs[i] + timesLog(observed[i]);
    }
  }

  /** The best number of bins. */
  static int bins(long[] counts) {
    return new Entropy(counts).best();
  }

  private int best() {
    int last = observed.length;
    while (last > LEVELS && observed[last - 1] == 0) {
      last--;
    }
    double least = Double.POSITIVE_INFINITY;
    int best = last;
    for (int bins = last; bins >= LEVELS; bins--) {
      double divergence = divergence(bins, sums[last] - sums[bins]);
      if (divergence < least - NOTHING) {
        least = divergence;
        best = bins;
      }
    }
    return best;
  }

  private double divergence(int bins, double clipped) {
    double all = sums[bins] + clipped;
    if (all == 0) {
      return 0;
    }
    double kept = Math.max(sums[bins], 1);
    double levels = 0;
    int from = 0;
    for (int level = 0; level < LEVELS; level++) {
      int to = (int) ((long) (level + 1) * bins / LEVELS);
      double sum = sums[to] - sums[from];
      int some = filled[to] - filled[from];
      double reference = sum;
      if (to == bins && clipped > 0) {
        // What is clipped makes the last bin one that has something.
        some += observed[bins - 1] > 0 ? 0 : 1;
        reference += clipped;
      }
      if (reference > 0) {
        levels += reference * Math.log(Math.max(sum / some / kept, LEAST_SHARE));
      }
      from = to;
    }
    double bound = observed[bins - 1];
    double own = logs[bins] - timesLog(bound) + timesLog(bound + clipped);
    return (own - levels) / all - Math.log(all);
  }

  private static double timesLog(double count) {
    return count > 0 ? count * Math.log(count) : 0;
  }
}
