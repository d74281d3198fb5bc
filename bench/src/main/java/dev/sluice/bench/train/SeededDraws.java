package dev.sluice.bench.train;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Random draws that are the same on every machine and JDK. Only {@code nextLong()} of the named
 * algorithm is used, since what {@link RandomGenerator} derives from it may change between
 * releases.
 *
 * <p>Not thread-safe: one instance belongs to one thread.
 */
public final class SeededDraws {
  /** The generator's name in {@link RandomGeneratorFactory#of}. */
  static final String ALGORITHM = "L64X128MixRandom";

  private static final RandomGeneratorFactory<RandomGenerator> FACTORY =
      RandomGeneratorFactory.of(ALGORITHM);

  private final RandomGenerator source;

  private SeededDraws(RandomGenerator source) {
    this.source = source;
  }

  /**
   * Draws for one item of a numbered collection, so that items can be made in any order.
   *
   * @param seed of the whole collection
   * @param index of the item
   */
  public static SeededDraws of(long seed, long index) {
    return new SeededDraws(FACTORY.create(mix(mix(seed) + index)));
  }

  /** The finaliser of MurmurHash3 with Stafford's constants (variant 13). */
  private static long mix(long z) {
    long x = z + 0x9E3779B97F4A7C15L;
    x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
    x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
    return x ^ (x >>> 31);
  }

  /** Uniform in [0, 1). */
  double unit() {
    return (source.nextLong() >>> 11) * 0x1.0p-53;
  }

  /** Uniform in the given range. */
  double in(Range range) {
    return range.low() + (range.high() - range.low()) * unit();
  }

  /** Uniform in [-bound, bound). */
  public double within(double bound) {
    return bound * (2 * unit() - 1);
  }

  /** Uniform in 0 .. bound-1. */
  public int below(int bound) {
    return (int) (unit() * bound);
  }

  boolean chance(double probability) {
    return unit() < probability;
  }

  /** Normal with mean 0 and standard deviation 1, by the Box-Muller transform. */
  double gaussian() {
    double radius = Math.sqrt(-2 * StrictMath.log(1 - unit()));
    return radius * StrictMath.cos(2 * Math.PI * unit());
  }

  /** A range of a style parameter; {@code low == high} fixes it. */
  record Range(double low, double high) {
    static Range of(double low, double high) {
      return new Range(low, high);
    }
  }
}
