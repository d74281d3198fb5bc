package dev.sluice.converter.calibrate;

import java.util.Arrays;

/**
 * Rows that rank the same first or do not, and what they say of the share of others.
 *
 * <p>Glossary: a row's <i>margin</i> is how far the reference's best score is from its second; its
 * <i>change</i> is what is added to that. The first rank changes where the sum is below 0.
 *
 * <p>Counting tells little: of 300 rows without a change one may still say no more than that fewer
 * than 1 % of all change. Scores tell more, since margins and changes are seen in each row. With
 * changes of deviation {@code s} around 0, a row of margin {@code m} changes with the probability
 * {@code P(-m / s)} of the normal distribution. The share is taken to be the largest of three: what
 * was counted; the mean of these probabilities; and, since a few rows may have no small margin by
 * luck, what margins give that are exponential, with their median: a density near 0 of {@code
 * log(2) / median}, so a share of {@code s / sqrt(2 * pi)} times that. The deviation of n rows is
 * known to {@code 1 / sqrt(2 * n)} of itself, the median to {@code 1 / sqrt(n)}, both together to
 * {@code sqrt(1.5 / n)}.
 *
 * <p>Rows that rank by whole numbers have no margins, and where most rows are ties margins tell
 * nothing: there only counting is left.
 *
 * <p>Thread safety: one thread.
 */
final class AgreementBound {
  private double[] margins = new double[16];
  private double[] changes = new double[16];
  private int scored;
  private long counted;
  private long changed;

  /** Adds a row of scores. */
  void add(double margin, double change, boolean same) {
    if (scored == margins.length) {
      margins = Arrays.copyOf(margins, 2 * scored);
      changes = Arrays.copyOf(changes, 2 * scored);
    }
    margins[scored] = margin;
    changes[scored++] = change;
    add(same);
  }

  /** Adds a row whose scores are not known. */
  void add(boolean same) {
    counted++;
    changed += same ? 0 : 1;
  }

  /** Whether every row had scores. */
  boolean isScored() {
    return scored == counted;
  }

  /** The share of the rows that did not change. */
  double agreement() {
    return counted == 0 ? 1 : (double) (counted - changed) / counted;
  }

  /** The share of other rows of the same kind that change at most, with 95 % confidence. */
  double changedAtMost() {
    double squares = 0;
    for (int i = 0; i < scored; i++) {
      squares += changes[i] * changes[i];
    }
    double deviation = Math.sqrt(squares / scored);
    if (counted == 0 || (isScored() && deviation == 0)) {
      return 1 - agreement();
    }
    double median =
        scored == 0 ? 0 : Arrays.stream(margins, 0, scored).sorted().toArray()[scored / 2];
    if (!isScored() || !(median > 0) || !Double.isFinite(deviation)) {
      return Confidence.shareAtMost(changed, counted);
    }
    double mean =
        Arrays.stream(margins, 0, scored).map(m -> Confidence.normal(-m / deviation)).sum()
            / scored;
    double density = deviation / Math.sqrt(2 * Math.PI) * Math.log(2) / median;
    double share = Math.max(1 - agreement(), Math.max(mean, density));
    return Math.min(1, share * Math.exp(Confidence.student(scored) * Math.sqrt(1.5 / scored)));
  }
}
