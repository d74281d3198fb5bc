package dev.sluice.converter.report;

import java.util.Arrays;
import java.util.Objects;

/**
 * How often values fell into bins of one width.
 *
 * <p>A range that is no number, or infinite, is kept as it is: such values are what a report has to
 * show.
 *
 * <p>Thread safety: immutable.
 */
public final class Histogram {
  private final double low;
  private final double high;
  private final double width;
  private final long[] counts;
  private final long total;

  private Histogram(double low, double width, double high, long[] counts) {
    if (width < 0) {
      throw new IllegalArgumentException("a bin has a width of 0 or more, not " + width);
    }
    long sum = 0;
    for (long count : counts) {
      if (count < 0 || sum + count < 0) {
        throw new IllegalArgumentException(
            "a bin counts 0 values or more, all together at most 2^63 - 1; this one has " + count);
      }
      sum += count;
    }
    this.low = low;
    this.width = width;
    this.high = high;
    this.counts = counts;
    this.total = sum;
  }

  /**
   * A histogram.
   *
   * @param low lower edge of the first bin
   * @param width of each bin; 0 where all values are {@code low}
   * @param counts values in each bin, which are copied
   * @throws IllegalArgumentException when a count or the width is negative
   */
  public static Histogram of(double low, double width, long... counts) {
    return new Histogram(low, width, low + counts.length * width, counts.clone());
  }

  /** Lower edge of the first bin. */
  public double low() {
    return low;
  }

  /** Upper edge of the last bin. */
  public double high() {
    return high;
  }

  /** Width of a bin. */
  public double width() {
    return width;
  }

  /** Number of bins. */
  public int bins() {
    return counts.length;
  }

  /** Lower edge of bin {@code i}; of the number of bins, the upper edge of the last. */
  public double edge(int i) {
    return i == counts.length ? high : low + i * width;
  }

  /** Values in bin {@code i}. */
  public long count(int i) {
    return counts[i];
  }

  /** Values in all bins. */
  public long total() {
    return total;
  }

  /** Whether there is something to draw: values, and edges that are finite. */
  boolean isDrawable() {
    return total > 0 && Double.isFinite(low) && Double.isFinite(high());
  }

  /**
   * The share of the values that are below {@code from} or above {@code to}. A bin that lies on
   * both sides of one of them counts in proportion.
   *
   * @return 0 to 1; not a number where there are no values or the edges are no numbers
   */
  public double shareOutside(double from, double to) {
    double outside = 0;
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        outside += counts[i] * binShareOutside(edge(i), edge(i + 1), from, to);
      }
    }
    return outside / total;
  }

  private static double binShareOutside(double start, double end, double from, double to) {
    double span = end - start;
    if (span == 0) {
      return start < from || start > to ? 1 : 0;
    }
    double inside = Math.min(end, to) - Math.max(start, from);
    return 1 - Math.max(0, inside) / span;
  }

  /**
   * The same values in fewer bins, without the empty ones at both ends.
   *
   * @param maxBins at least 1; neighbours are put together until there are no more than these, the
   *     last few to a bin that may be narrower than the others
   */
  Histogram merged(int maxBins) {
    int first = 0;
    int end = counts.length;
    while (first < end && counts[first] == 0) {
      first++;
    }
    while (end > first && counts[end - 1] == 0) {
      end--;
    }
    int group = Math.max(1, Math.ceilDiv(end - first, maxBins));
    long[] fewer = new long[Math.ceilDiv(end - first, group)];
    for (int i = first; i < end; i++) {
      fewer[(i - first) / group] += counts[i];
    }
    return new Histogram(edge(first), group * width, edge(end), fewer);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Histogram histogram
        && Double.compare(low, histogram.low) == 0
        && Double.compare(width, histogram.width) == 0
        && Double.compare(high, histogram.high) == 0
        && Arrays.equals(counts, histogram.counts);
  }

  @Override
  public int hashCode() {
    return Objects.hash(low, width, Arrays.hashCode(counts));
  }

  @Override
  public String toString() {
    return total + " values in " + counts.length + " bins from " + low + " to " + high();
  }
}
