package dev.sluice.converter.calibrate;

import java.util.Arrays;

/**
 * Signal and noise of samples, and what they say of the signal to noise of others.
 *
 * <p>The ratio of two sums scatters as the sum of its linear parts does (the delta method): with
 * {@code u = signal / mean signal - noise / mean noise} of each sample, the logarithm of the ratio
 * has the variance {@code sum(u * u) / (n * (n - 1))}.
 *
 * <p>Thread safety: one thread.
 */
final class SqnrBound {
  private static final double LOG10_E = Math.log10(Math.E);

  private double[] signals = new double[16];
  private double[] noises = new double[16];
  private int count;

  /** Adds the squared elements of a sample, and its squared differences. */
  void add(double signal, double noise) {
    if (count == signals.length) {
      signals = Arrays.copyOf(signals, 2 * count);
      noises = Arrays.copyOf(noises, 2 * count);
    }
    signals[count] = signal;
    noises[count++] = noise;
  }

  /** Decibels that other samples of the same kind have at least, with 95 % confidence. */
  double lowDb() {
    double signal = Arrays.stream(signals, 0, count).sum();
    double noise = Arrays.stream(noises, 0, count).sum();
    if (noise == 0) {
      return Double.POSITIVE_INFINITY;
    }
    if (count < 2 || signal == 0 || !Double.isFinite(noise)) {
      return Double.NEGATIVE_INFINITY;
    }
    double squares = 0;
    for (int i = 0; i < count; i++) {
      double part = count * (signals[i] / signal - noises[i] / noise);
      squares += part * part;
    }
    double deviation = Math.sqrt(squares / count / (count - 1));
    return 10 * (Math.log10(signal / noise) - Confidence.student(count) * deviation * LOG10_E);
  }
}
