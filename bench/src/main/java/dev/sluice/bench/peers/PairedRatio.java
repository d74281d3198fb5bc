package dev.sluice.bench.peers;

import java.util.Arrays;
import java.util.Locale;
import java.util.Random;

/**
 * The median of ratios that were measured in pairs, with its 95 % interval by the bootstrap:
 * medians of {@value #DRAWS} samples of the same size, drawn from the pairs with a fixed seed
 * (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3).
 *
 * <p>Thread safety: immutable.
 */
public record PairedRatio(double median, double low, double high) {
  private static final int DRAWS = 4_000;
  private static final double TAIL = 0.025;

  /** Of {@code ones[i] / others[i]}. */
  static PairedRatio of(double[] ones, double[] others) {
    double[] ratios = new double[ones.length];
    Arrays.setAll(ratios, i -> ones[i] / others[i]);
    Random random = new Random(1);
    double[] medians = new double[DRAWS];
    double[] draw = new double[ratios.length];
    for (int i = 0; i < DRAWS; i++) {
      Arrays.setAll(draw, _ -> ratios[random.nextInt(ratios.length)]);
      medians[i] = median(draw);
    }
    Arrays.sort(medians);
    return new PairedRatio(
        median(ratios),
        medians[(int) (TAIL * DRAWS)],
        medians[(int) Math.ceil((1 - TAIL) * DRAWS) - 1]);
  }

  /** The middle of values, or the mean of the two in the middle. */
  public static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%.3f (%.3f to %.3f)", median, low, high);
  }
}
