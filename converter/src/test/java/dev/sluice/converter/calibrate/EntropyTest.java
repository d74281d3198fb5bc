package dev.sluice.converter.calibrate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EntropyTest {
  private static final int LEVELS = 128;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void theNumberOfBinsIsTheBestOfThePlainSum(long seed) {
    Random random = new Random(seed);
    long[] counts = new long[300 + random.nextInt(1_000)];
    for (int i = 0; i < 5_000; i++) {
      double value = Math.abs(random.nextGaussian()) * counts.length / (2 + seed % 4);
      counts[(int) Math.min(counts.length - 1, value)]++;
    }
    for (int i = 0; i < counts.length; i += 1 + random.nextInt(40)) {
      counts[i] = random.nextBoolean() ? 0 : random.nextInt(1_000_000);
    }
    counts[counts.length - 1]++;
    int best = Entropy.bins(counts);
    double least = Double.POSITIVE_INFINITY;
    for (int bins = LEVELS; bins <= counts.length; bins++) {
      least = Math.min(least, divergence(counts, bins));
    }
    assertThat(divergence(counts, best)).isLessThanOrEqualTo(least + 1e-11);
  }

  @Test
  void whatLosesNothingKeepsEveryBin() {
    long[] counts = new long[2_048];
    Arrays.fill(counts, 3);
    assertThat(Entropy.bins(counts)).isEqualTo(2_048);
    assertThat(Entropy.bins(new long[2_048])).isEqualTo(LEVELS);
  }

  /** As the class describes it, bin by bin. */
  private static double divergence(long[] counts, int bins) {
    double[] p = new double[bins];
    double all = 0;
    for (int i = 0; i < counts.length; i++) {
      double count = i == 0 ? Math.min(counts[0], Math.max(1, counts[1])) : counts[i];
      p[Math.min(i, bins - 1)] += count;
      all += count;
    }
    double[] q = new double[bins];
    double kept = 0;
    for (int level = 0; level < LEVELS; level++) {
      int from = (int) ((long) level * bins / LEVELS);
      int to = (int) ((long) (level + 1) * bins / LEVELS);
      double sum = 0;
      for (int i = from; i < to; i++) {
        sum += i == 0 ? p[0] : counts[i];
      }
      long filled = Arrays.stream(p, from, to).filter(count -> count > 0).count();
      Arrays.fill(q, from, to, filled == 0 ? 0 : sum / filled);
      kept += sum;
    }
    double divergence = 0;
    for (int i = 0; i < bins; i++) {
      if (p[i] > 0) {
        double share = Math.max(q[i] / Math.max(kept, 1), 1e-12);
        divergence += p[i] / all * Math.log(p[i] / all / share);
      }
    }
    return divergence;
  }
}
