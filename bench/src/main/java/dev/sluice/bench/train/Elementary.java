package dev.sluice.bench.train;

/**
 * Elementary functions made of additions, multiplications and divisions alone, so that they are the
 * same everywhere, as those of {@link StrictMath} are. They are exact to about a float's rounding
 * and take a small part of the time.
 *
 * <p>Stateless, hence thread-safe.
 */
final class Elementary {
  /** Beyond it a float's exponential is infinite, or zero but for the last digits. */
  private static final double EXP_BOUND = 88;

  /** Halvings of the argument, and squarings of the result. */
  private static final double EXP_PART = 1.0 / 256;

  /** 1 / sqrt(2 pi). */
  private static final double NORMAL = 0.3989422804014327;

  private static final double ROOT_HALF = 0.7071067811865476;

  private Elementary() {}

  /**
   * e to the power of x, which is clamped to what a float can express: the Taylor series of a 256th
   * of it, squared eight times. The relative error is below 3e-9.
   */
  static double exp(double x) {
    double r = Math.min(Math.max(x, -EXP_BOUND), EXP_BOUND) * EXP_PART;
    double tail = 1 + r * (1.0 / 7) * (1 + r * (1.0 / 8) * (1 + r * (1.0 / 9)));
    double middle = 1 + r * (1.0 / 4) * (1 + r * (1.0 / 5) * (1 + r * (1.0 / 6) * tail));
    double p = 1 + r * (1 + r * (1.0 / 2) * (1 + r * (1.0 / 3) * middle));
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    return p * p;
  }

  /** 1 / (1 + e^-x). */
  static float sigmoid(float x) {
    return (float) (1 / (1 + exp(-x)));
  }

  /** The hyperbolic tangent. */
  static float tanh(float x) {
    return (float) (1 - 2 / (1 + exp(2.0 * x)));
  }

  /**
   * The error function, by formula 7.1.26 of Abramowitz and Stegun, "Handbook of Mathematical
   * Functions"; off by at most 1.5e-7.
   */
  static double erf(double x) {
    double size = Math.abs(x);
    double t = 1 / (1 + 0.3275911 * size);
    double series =
        t
            * (0.254829592
                + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.copySign(1 - series * exp(-x * x), x);
  }

  /** The share of a standard normal distribution that lies below x. */
  static float normalBelow(float x) {
    return (float) (0.5 * (1 + erf(x * ROOT_HALF)));
  }

  /** The density of a standard normal distribution at x. */
  static float normalDensity(float x) {
    return (float) (NORMAL * exp(-0.5 * x * x));
  }
}
