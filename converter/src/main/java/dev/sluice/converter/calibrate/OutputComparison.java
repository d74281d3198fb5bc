package dev.sluice.converter.calibrate;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.TensorDifference;
import java.lang.foreign.MemorySegment;

/**
 * How far an output is from the reference, over all samples.
 *
 * <p>Thread safety: one thread.
 */
public final class OutputComparison {
  /** Smaller values than this part of the largest are left out of the relative difference. */
  private static final double NEGLIGIBLE = 1e-6;

  private final String name;
  private final SqnrBound sqnrBound = new SqnrBound();
  private final AgreementBound agreementBound = new AgreementBound();
  private double maxAbs;
  private double maxRel;
  private double signal;
  private double noise;
  private double dot;
  private double ownSquare;
  private boolean ranked;
  private boolean quantity = true;

  /** Nothing compared yet, of an output with this name. */
  public OutputComparison(String name) {
    this.name = name;
  }

  /** The output. */
  public String name() {
    return name;
  }

  /**
   * Adds a sample of numbers.
   *
   * @param type of both
   * @param shape of both; axis 0 is the rows
   * @param actual elements, C order, little endian
   * @param reference as many
   */
  public void add(ElementType type, Shape shape, MemorySegment actual, MemorySegment reference) {
    quantity = TensorDifference.isReal(type);
    long count = shape.elementCount();
    double largest = 0;
    for (long i = 0; i < count; i++) {
      double value = Math.abs(TensorElements.value(type, reference, i));
      largest = Double.isFinite(value) ? Math.max(largest, value) : largest;
    }
    double signalBefore = signal;
    double noiseBefore = noise;
    for (long i = 0; i < count; i++) {
      element(
          TensorElements.value(type, actual, i),
          TensorElements.value(type, reference, i),
          NEGLIGIBLE * largest);
    }
    sqnrBound.add(signal - signalBefore, noise - noiseBefore);
    rank(type, shape, actual, reference);
  }

  /** Adds a sample of texts. */
  public void addTexts(boolean same) {
    maxAbs = same ? maxAbs : Double.POSITIVE_INFINITY;
  }

  private void element(double own, double reference, double negligible) {
    double difference = Math.abs(own - reference);
    if (!Double.isFinite(own) || !Double.isFinite(reference)) {
      difference = Double.compare(own, reference) == 0 ? 0 : Double.POSITIVE_INFINITY;
      noise += difference;
    } else {
      signal += reference * reference;
      noise += difference * difference;
      dot += own * reference;
      ownSquare += own * own;
    }
    maxAbs = Math.max(maxAbs, difference);
    if (difference > 0 && Math.abs(reference) > negligible) {
      maxRel = Math.max(maxRel, difference / Math.abs(reference));
    }
  }

  /** Real numbers are scores, whose largest counts; whole numbers are ranks, whose first counts. */
  private void rank(ElementType type, Shape shape, MemorySegment actual, MemorySegment reference) {
    long extent = shape.rank() == 0 ? 1 : shape.dim(0);
    long columns = extent == 0 ? 0 : shape.elementCount() / extent;
    boolean real = TensorDifference.isReal(type);
    if (columns < (real ? 2 : 1)) {
      return;
    }
    ranked = true;
    for (long row = 0; row < extent; row++) {
      long from = row * columns;
      if (real) {
        Ranking own = Ranking.of(type, actual, from, columns);
        Ranking wanted = Ranking.of(type, reference, from, columns);
        double score = TensorElements.value(type, actual, from + wanted.best());
        double best = own.best() == wanted.best() ? own.second() : own.first();
        boolean same = own.best() == wanted.best();
        agreementBound.add(wanted.margin(), score - best - wanted.margin(), same);
      } else {
        double own = TensorElements.value(type, actual, from);
        double wanted = TensorElements.value(type, reference, from);
        agreementBound.add(Double.compare(own, wanted) == 0);
      }
    }
  }

  /** The place of a row's largest score, that score, and the next. */
  private record Ranking(long best, double first, double second) {
    static Ranking of(ElementType type, MemorySegment data, long from, long columns) {
      long best = 0;
      double first = Double.NEGATIVE_INFINITY;
      double second = Double.NEGATIVE_INFINITY;
      for (long i = 0; i < columns; i++) {
        double value = TensorElements.value(type, data, from + i);
        if (value > first) {
          second = first;
          first = value;
          best = i;
        } else if (value > second) {
          second = value;
        }
      }
      return new Ranking(best, first, second);
    }

    double margin() {
      return first - second;
    }
  }

  /**
   * Whether differences count by their size. Whole numbers are classes, ranks or places: of a near
   * tie they may differ by any amount, and only {@link #top1Agreement} tells.
   */
  public boolean isQuantity() {
    return quantity;
  }

  /** The largest difference of two elements; infinite where one is no number. */
  public double maxAbs() {
    return maxAbs;
  }

  /** The largest difference, as a part of the reference's element where that is not tiny. */
  public double maxRel() {
    return maxRel;
  }

  /** Signal to noise in decibels; infinite where nothing differs. */
  public double sqnrDb() {
    return noise == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  }

  /** 1 where both point the same way. */
  public double cosine() {
    if (noise == 0) {
      return 1;
    }
    double length = Math.sqrt(signal) * Math.sqrt(ownSquare);
    return length == 0 ? 0 : dot / length;
  }

  /** The part of the rows that rank the same first; null where rows have nothing to rank. */
  public Double top1Agreement() {
    return ranked ? (Double) agreementBound.agreement() : null;
  }

  /**
   * Signal to noise in decibels that other samples of the same kind have at least, with 95 %
   * confidence; negative infinity where fewer than two samples were compared and differ.
   */
  public double sqnrLowDb() {
    return sqnrBound.lowDb();
  }

  /** Whether the first rank is that of scores, of which it is known how near a tie they are. */
  public boolean isScored() {
    return ranked && agreementBound.isScored();
  }

  /**
   * The share of other rows of the same kind whose first rank changes at most, with 95 %
   * confidence; 0 where nothing is ranked.
   */
  public double changedAtMost() {
    return ranked ? agreementBound.changedAtMost() : 0;
  }
}
