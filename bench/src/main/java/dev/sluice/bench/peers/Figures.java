package dev.sluice.bench.peers;

import java.util.Arrays;
import java.util.stream.DoubleStream;

/**
 * What a turn gave, round by round.
 *
 * <p>Thread safety: not changed once it is made.
 */
final class Figures {
  private final Turn turn;
  private final double[][] numbers;

  /**
   * The figures of a turn.
   *
   * @param numbers of the turn's line, each of all rounds
   */
  Figures(Turn turn, double[][] numbers) {
    this.turn = turn;
    this.numbers = numbers;
  }

  /** Whose they are. */
  Turn turn() {
    return turn;
  }

  /** A figure of all rounds. */
  double[] all(Figure figure) {
    return numbers[figure.place()];
  }

  /** The middle one of all rounds. */
  double median(Figure figure) {
    return PairedRatio.median(all(figure));
  }

  /**
   * The same with the least of all rounds for a figure: of heap, what every request takes. A
   * request may be the first to use something that is made once and kept, or meet code that is not
   * compiled yet; that is not the steady state, and does not happen in every round.
   */
  Figures least(Figure figure) {
    double[][] least = numbers.clone();
    least[figure.place()] = all(figure).clone();
    Arrays.fill(least[figure.place()], Arrays.stream(all(figure)).min().orElseThrow());
    return new Figures(turn, least);
  }

  /** These rounds, and those of another process that had the same turn. */
  Figures and(Figures others) {
    double[][] all = new double[numbers.length][];
    for (int number = 0; number < numbers.length; number++) {
      all[number] =
          DoubleStream.concat(Arrays.stream(numbers[number]), Arrays.stream(others.numbers[number]))
              .toArray();
    }
    return new Figures(turn, all);
  }

  /** The same of a request of so many rows. */
  Figures ofRows(int rows) {
    double[][] scaled = numbers.clone();
    scaled[Figure.ROWS.place()] =
        Arrays.stream(all(Figure.ROWS)).map(requests -> requests * rows).toArray();
    return new Figures(turn, scaled);
  }

  /**
   * Of a turn with a {@link Tally#line} for each of some models: the geometric mean of some of
   * these lines, as a line.
   *
   * @param first of them
   * @param end behind the last of them
   */
  Figures mean(int first, int end) {
    double[][] means = new double[Figure.OF_TALLY][];
    for (int number = 0; number < Figure.OF_TALLY; number++) {
      double[] logarithms = new double[numbers[number].length];
      for (int line = first; line < end; line++) {
        double[] own = numbers[line * Figure.OF_TALLY + number];
        for (int round = 0; round < own.length; round++) {
          logarithms[round] += Math.log(own[round]) / (end - first);
        }
      }
      means[number] = Arrays.stream(logarithms).map(Math::exp).toArray();
    }
    return new Figures(turn, means);
  }
}
