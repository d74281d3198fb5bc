package dev.sluice.converter.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HistogramTest {
  private final Histogram.Scratch scratch = new Histogram.Scratch();

  static MemorySegment floats(float... values) {
    MemorySegment segment = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
    segment.copyFrom(MemorySegment.ofArray(values));
    return segment;
  }

  private Histogram of(float... values) {
    Histogram histogram = new Histogram();
    assertThat(histogram.add(floats(values), scratch)).isTrue();
    return histogram;
  }

  static float[] normal(long seed, int count, double scale) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return values;
  }

  @Test
  void countsEachElementWhereItIs() {
    Histogram histogram = of(0, 1, -1, 0.5f, 0.5f, -0.25f);
    assertThat(histogram.width()).isEqualTo(1.0 / Histogram.BINS);
    assertThat(histogram.count()).isEqualTo(6);
    assertThat(histogram.min()).isEqualTo(-1);
    assertThat(histogram.max()).isEqualTo(1);
    assertThat(histogram.count(0)).isEqualTo(1);
    assertThat(histogram.count(1024)).isEqualTo(2);
    assertThat(histogram.count(Histogram.BINS - 1)).isEqualTo(1);
    assertThat(histogram.count(-512)).isEqualTo(1);
    assertThat(histogram.count(-Histogram.BINS)).isEqualTo(1);
  }

  /** Against the plain way to count, once it is known how wide the bins become. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void growsWithoutLosingAnElement(long seed) {
    Histogram histogram = new Histogram();
    double[] scales = {1, 0.1, 3, 100, 7};
    long[] expected = new long[Histogram.BINS];
    float[][] batches = new float[scales.length][];
    for (int i = 0; i < scales.length; i++) {
      batches[i] = normal(seed * 10 + i, 1000 + 8192 * i, scales[i]);
      assertThat(histogram.add(floats(batches[i]), scratch)).isTrue();
    }
    long count = 0;
    for (float[] batch : batches) {
      for (float value : batch) {
        int bin =
            (int) Math.min(Histogram.BINS - 1, Math.floor(Math.abs(value) / histogram.width()));
        expected[bin]++;
        count++;
      }
    }
    assertThat(histogram.count()).isEqualTo(count);
    long[] actual = histogram.magnitudes();
    long off = 0;
    for (int i = 0; i < actual.length; i++) {
      off += Math.abs(actual[i] - expected[i]);
    }
    // Elements next to the edge of a bin may fall to either side: a reciprocal is rounded.
    assertThat((double) off).as("seed %d", seed).isLessThan(0.002 * count);
  }

  @Test
  void aFactorChangesTheWidthAndNoCount() {
    float[] values = normal(7, 20_000, 1);
    Histogram one = of(values);
    float[] scaled = values.clone();
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] *= 1024;
    }
    Histogram other = of(scaled);
    assertThat(other.width()).isEqualTo(1024 * one.width());
    assertThat(other.magnitudes()).isEqualTo(one.magnitudes());
  }

  @Test
  void zerosHaveNoWidthUntilSomethingElseComes() {
    Histogram histogram = of(0, 0, -0.0f);
    assertThat(histogram.width()).isZero();
    assertThat(histogram.observed()).isEqualTo(new Bounds(0, 0));
    assertThat(histogram.add(floats(2), scratch)).isTrue();
    assertThat(histogram.count(0)).isEqualTo(3);
    assertThat(histogram.count()).isEqualTo(4);
    assertThat(histogram.observed()).isEqualTo(new Bounds(0, 2));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void refusesWhatIsNotFinite(float value) {
    float[] values = normal(1, 9000, 1);
    values[8500] = value;
    assertThat(new Histogram().add(floats(values), scratch)).isFalse();
  }

  @Test
  void takesDenormalsAndTheLargestNumbers() {
    Histogram histogram = of(Float.MIN_VALUE, -Float.MIN_VALUE);
    assertThat(histogram.width()).isPositive();
    assertThat(histogram.add(floats(Float.MAX_VALUE, -Float.MAX_VALUE), scratch)).isTrue();
    assertThat(histogram.count()).isEqualTo(4);
    assertThat(histogram.width() * Histogram.BINS)
        .isGreaterThanOrEqualTo(Float.MAX_VALUE)
        .isCloseTo(Float.MAX_VALUE, within((double) Float.MAX_VALUE * 2));
  }
}
