package dev.sluice.converter.calibrate;

import java.util.Locale;

/**
 * Ways to pick the bounds of a tensor out of its histogram. Each picks one magnitude beyond which
 * elements are clipped; where a side of zero has no element of that magnitude its bound is what was
 * observed. Bins count as their middle.
 *
 * <p>Thread safety: immutable.
 */
public enum Calibrator {
  /** All that was observed: nothing is clipped. */
  MINMAX {
    @Override
    double magnitude(long[] counts, double width, double observed) {
      return observed;
    }
  },

  /**
   * The magnitude at which the clipped and quantized distribution loses least information: the
   * least Kullback-Leibler divergence of the 128 steps from what was observed. S. Migacz, 8-bit
   * Inference with TensorRT, GTC 2017. The bin at zero counts as much as its neighbour: it holds
   * what rectifiers cut off, which every bound represents alike.
   */
  ENTROPY {
    @Override
    double magnitude(long[] counts, double width, double observed) {
      return Entropy.bins(counts) * width;
    }
  },

  /** The magnitude that {@value #PERCENTILE_PERCENT} % of the elements do not exceed. */
  PERCENTILE {
    @Override
    double magnitude(long[] counts, double width, double observed) {
      long all = 0;
      for (long count : counts) {
        all += count;
      }
      double wanted = all * (PERCENTILE_PERCENT / 100);
      double before = 0;
      for (int i = 0; i < counts.length; i++) {
        if (before + counts[i] >= wanted) {
          return (i + (wanted - before) / counts[i]) * width;
        }
        before += counts[i];
      }
      return observed;
    }
  },

  /**
   * The magnitude with the least mean squared error: that of rounding, a twelfth of the squared
   * step, for what is inside, and that of clipping for what is not, which counts {@value
   * #CLIPPING_WEIGHT} times: rounding errors cancel in the sums of a layer, while what is clipped
   * errs one way, and elements that are large together are clipped together.
   */
  MSE {
    @Override
    double magnitude(long[] counts, double width, double observed) {
      double outside = 0;
      double sum = 0;
      double squares = 0;
      double inside = 0;
      // What is next to zero rounds to it, at no cost.
      for (int i = 1; i < counts.length; i++) {
        inside += counts[i];
      }
      double least = Double.POSITIVE_INFINITY;
      int best = counts.length;
      for (int bins = counts.length; bins > 1; bins--) {
        double step = bins / LEVELS;
        double clipping = squares - 2 * bins * sum + outside * bins * bins;
        double error = inside * step * step / 12 + CLIPPING_WEIGHT * clipping;
        if (error < least) {
          least = error;
          best = bins;
        }
        double middle = bins - 0.5;
        double count = counts[bins - 1];
        inside -= count;
        outside += count;
        sum += count * middle;
        squares += count * middle * middle;
      }
      return best * width;
    }
  };

  /** What PERCENTILE keeps. Wu et al., arXiv 2004.09602, find 99.99 to 99.9999 to do best. */
  static final double PERCENTILE_PERCENT = 99.99;

  /**
   * How much more clipping counts than rounding in MSE. Against 1 the CPU's graphs of SqueezeNet, a
   * super-resolution network, a face detector and a digits network gained 1.7, 2.7, 0.6 and 1.8 dB,
   * on samples that were not learnt from, and TensorRT's graphs of these 0.0, 0.8, 0.0 and 2.4 dB;
   * 2 and 8 were no better on the whole.
   */
  static final double CLIPPING_WEIGHT = 4;

  /** Steps on one side of zero of a symmetric INT8 tensor. */
  static final double LEVELS = 127;

  /**
   * Picks bounds.
   *
   * @return with nothing but zero inside where nothing but zeros was seen
   */
  public Bounds bounds(Histogram histogram) {
    Bounds observed = histogram.observed();
    if (histogram.width() == 0) {
      return observed;
    }
    double magnitude = magnitude(histogram.magnitudes(), histogram.width(), observed.magnitude());
    return new Bounds(Math.max(observed.low(), -magnitude), Math.min(observed.high(), magnitude));
  }

  /**
   * Picks a magnitude.
   *
   * @param counts of elements by magnitude, bin by bin; at least one is not 0
   * @param width of a bin
   * @param observed the largest magnitude
   */
  abstract double magnitude(long[] counts, double width, double observed);

  /** The name on the command line. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The calibrator of a name on the command line.
   *
   * @throws IllegalArgumentException where there is none
   */
  public static Calibrator of(String text) {
    for (Calibrator calibrator : values()) {
      if (calibrator.text().equals(text)) {
        return calibrator;
      }
    }
    throw new IllegalArgumentException(
        "there is no calibrator '" + text + "'; there are minmax, entropy, percentile, mse");
  }
}
