package dev.sluice.converter.report;

import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Picks those that lose most.
 *
 * <p>Thread safety: stateless.
 */
final class Worst {
  private Worst() {}

  /** Where a loss stands among others: what is no number first, what was not measured last. */
  static double rank(Double sqnrDb) {
    if (sqnrDb == null) {
      return Double.POSITIVE_INFINITY;
    }
    return sqnrDb.isNaN() ? Double.NEGATIVE_INFINITY : sqnrDb;
  }

  /**
   * How much is lost.
   *
   * @param rank of its SQNR
   * @param clipped share, which decides among equals
   */
  record Loss(double rank, double clipped) implements Comparable<Loss> {
    /** Of what is not clipped. */
    static Loss of(Double sqnrDb) {
      return new Loss(Worst.rank(sqnrDb), 0);
    }

    /** The larger loss is the first. */
    @Override
    public int compareTo(Loss other) {
      int order = Double.compare(rank, other.rank);
      return order == 0 ? Double.compare(other.clipped, clipped) : order;
    }
  }

  /** The numbers of at most so many items, the worst first. */
  static <T> List<Integer> first(List<T> items, Function<T, Loss> loss, int most) {
    List<Loss> losses = items.stream().map(loss).toList();
    return IntStream.range(0, items.size())
        .boxed()
        .sorted(Comparator.comparing(losses::get))
        .limit(most)
        .toList();
  }
}
