package dev.sluice.converter.calibrate;

/**
 * The number of bins that an 8-bit tensor keeps with the least loss of information.
 *
 * <p>For each number of bins from {@value #LEVELS} on: the reference is those bins with what is
 * clipped added to the last; the candidate is those bins without it, summed up by {@value #LEVELS}
 * levels of as many bins each, and spread evenly over the bins of a level that have something. Both
 * are normalised; the number with the least {@code sum p log(p / q)} wins.
 *
 * <p>Thread safety: stateless.
 */
final class Entropy {
  private static final int LEVELS = 128;

  private Entropy() {}

  /** The best number of bins. */
  static int bins(long[] counts) {
    double[] observed = new double[counts.length];
    for (int i = 1; i < counts.length; i++) {
      observed[i] = counts[i];
    }
    observed[0] = Math.min(counts[0], Math.max(1, counts[1]));
    int last = counts.length;
    while (last > LEVELS && counts[last - 1] == 0) {
      last--;
    }
    double clipped = 0;
    double least = Double.POSITIVE_INFINITY;
    int best = last;
    for (int bins = last; bins >= LEVELS; bins--) {
      double divergence = divergence(observed, bins, clipped);
      if (divergence < least) {
        least = divergence;
        best = bins;
      }
      clipped += observed[bins - 1];
    }
    return best;
  }

  private static double divergence(double[] observed, int bins, double clipped) {
    double[] candidate = new double[bins];
    double all = clipped;
    double kept = 0;
    for (int level = 0; level < LEVELS; level++) {
      int from = (int) ((long) level * bins / LEVELS);
      int to = (int) ((long) (level + 1) * bins / LEVELS);
      double sum = 0;
      int filled = 0;
      for (int i = from; i < to; i++) {
        sum += observed[i];
        // What is clipped makes the last bin one that has something.
        filled += observed[i] > 0 || (i == bins - 1 && clipped > 0) ? 1 : 0;
      }
      for (int i = from; i < to && filled > 0; i++) {
        candidate[i] = observed[i] > 0 || (i == bins - 1 && clipped > 0) ? sum / filled : 0;
      }
      kept += sum;
    }
    all += kept;
    double divergence = 0;
    for (int i = 0; i < bins; i++) {
      double reference = (observed[i] + (i == bins - 1 ? clipped : 0)) / all;
      if (reference > 0) {
        // A level without a count stands for one that is rare.
        double share = Math.max(candidate[i] / Math.max(kept, 1), 1e-12);
        divergence += reference * Math.log(reference / share);
      }
    }
    return divergence;
  }
}
