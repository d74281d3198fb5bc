package dev.sluice.converter.calibrate;

/**
 * What a few samples say of all others: bounds that hold in 95 of 100 cases.
 *
 * <p>Formulas: M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 26.7.5 (Student's
 * quantiles) and 7.1.26 (the error function, to 1.5e-7); C. Clopper and E. Pearson, "The use of
 * confidence or fiducial limits illustrated in the case of the binomial", for shares.
 *
 * <p>Thread safety: stateless.
 */
final class Confidence {
  /** One side of what may be wrong. */
  static final double RISK = 0.05;

  /** The normal distribution's quantile of 95 %. */
  private static final double Z = 1.6448536269514722;

  /** Student's quantiles of 95 % for 1 and 2 degrees of freedom, which the series misses. */
  private static final double[] FEW = {6.313752, 2.919986};

  /** Bisections of the unit interval: to 1e-12. */
  private static final int BISECTIONS = 40;

  private Confidence() {}

  /**
   * Student's quantile of 95 % for the mean of so many samples; infinite for fewer than two, which
   * tell nothing of how they scatter.
   */
  static double student(int samples) {
    int freedom = samples - 1;
    if (freedom < 1) {
      return Double.POSITIVE_INFINITY;
    }
    if (freedom <= FEW.length) {
      return FEW[freedom - 1];
    }
    double z2 = Z * Z;
    double first = Z * (z2 + 1) / 4;
    double second = Z * (5 * z2 * z2 + 16 * z2 + 3) / 96;
    double third = Z * (3 * z2 * z2 * z2 + 19 * z2 * z2 + 17 * z2 - 15) / 384;
    return Z + first / freedom + second / freedom / freedom + third / freedom / freedom / freedom;
  }

  /** The normal distribution function. */
  static double normal(double x) {
    double t = 1 / (1 + 0.3275911 * Math.abs(x) / Math.sqrt(2));
    double sum =
        t
            * (0.254829592
                + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    double tail = sum * Math.exp(-x * x / 2) / 2;
    return x < 0 ? tail : 1 - tail;
  }

  /** The largest share that may well give no more than {@code hits} of {@code trials}. */
  static double shareAtMost(long hits, long trials) {
    if (hits >= trials) {
      return 1;
    }
    double low = 0;
    double high = 1;
    for (int i = 0; i < BISECTIONS; i++) {
      double middle = (low + high) / 2;
      if (atMost(hits, trials, middle) > RISK) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return high;
  }

  /** The probability of at most {@code hits} of {@code trials}, each of probability {@code p}. */
  private static double atMost(long hits, long trials, double p) {
    double logTerm = trials * Math.log1p(-p);
    double sum = Math.exp(logTerm);
    for (long k = 1; k <= hits; k++) {
      logTerm += Math.log((double) (trials - k + 1) / k) + Math.log(p) - Math.log1p(-p);
      sum += Math.exp(logTerm);
    }
    return sum;
  }
}
