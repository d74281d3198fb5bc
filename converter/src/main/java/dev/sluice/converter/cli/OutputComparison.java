package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.format.TensorDifference;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How far an output is from the reference, over all samples.
 *
 * <p>Thread safety: one thread.
 */
final class OutputComparison {
  /** Smaller values than this part of the largest are left out of the relative difference. */
  private static final double NEGLIGIBLE = 1e-6;

  private final String name;
  private double maxAbs;
  private double maxRel;
  private double signal;
  private double noise;
  private double dot;
  private double ownSquare;
  private long rows;
  private long agreeing;
  private boolean ranked;
  private boolean quantity = true;

  OutputComparison(String name) {
    this.name = name;
  }

  String name() {
    return name;
  }

  /** Adds a sample. */
  void add(Tensor actual, Tensor reference) throws BadInputException {
    if (actual.type() != reference.type() || !actual.shape().equals(reference.shape())) {
      throw new BadInputException(
          "output '"
              + name
              + "' is "
              + Tensors.text(actual.type(), actual.shape())
              + ", that of the reference "
              + Tensors.text(reference.type(), reference.shape())
              + ", so they can't be compared; give samples, or a reference, for which they agree");
    }
    quantity = actual.type() == ElementType.STRING || TensorDifference.isReal(actual.type());
    if (actual.type() == ElementType.STRING) {
      maxAbs = actual.strings().equals(reference.strings()) ? maxAbs : Double.POSITIVE_INFINITY;
      return;
    }
    long count = actual.shape().elementCount();
    double largest = 0;
    for (long i = 0; i < count; i++) {
      double value = Math.abs(Summary.value(reference.type(), reference.data(), i));
      largest = Double.isFinite(value) ? Math.max(largest, value) : largest;
    }
    for (long i = 0; i < count; i++) {
      element(
          Summary.value(actual.type(), actual.data(), i),
          Summary.value(reference.type(), reference.data(), i),
          NEGLIGIBLE * largest);
    }
    rank(actual, reference, count);
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
  private void rank(Tensor actual, Tensor reference, long count) {
    long extent = actual.shape().rank() == 0 ? 1 : actual.shape().dim(0);
    long columns = extent == 0 ? 0 : count / extent;
    boolean real = TensorDifference.isReal(actual.type());
    if (columns < (real ? 2 : 1)) {
      return;
    }
    ranked = true;
    for (long row = 0; row < extent; row++) {
      long from = row * columns;
      boolean same =
          real
              ? best(actual, from, columns) == best(reference, from, columns)
              : Double.compare(
                      Summary.value(actual.type(), actual.data(), from),
                      Summary.value(reference.type(), reference.data(), from))
                  == 0;
      agreeing += same ? 1 : 0;
      rows++;
    }
  }

  private static long best(Tensor tensor, long from, long columns) {
    long best = 0;
    double largest = Double.NEGATIVE_INFINITY;
    for (long i = 0; i < columns; i++) {
      double value = Summary.value(tensor.type(), tensor.data(), from + i);
      if (value > largest) {
        largest = value;
        best = i;
      }
    }
    return best;
  }

  /**
   * Whether differences count by their size. Whole numbers are classes, ranks or places: of a near
   * tie they may differ by any amount, and only {@link #top1Agreement} tells.
   */
  boolean isQuantity() {
    return quantity;
  }

  double maxAbs() {
    return maxAbs;
  }

  double maxRel() {
    return maxRel;
  }

  /** Signal to noise in decibels; infinite where nothing differs. */
  double sqnrDb() {
    return noise == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  }

  /** 1 where both point the same way. */
  double cosine() {
    if (noise == 0) {
      return 1;
    }
    double length = Math.sqrt(signal) * Math.sqrt(ownSquare);
    return length == 0 ? 0 : dot / length;
  }

  /** The part of the rows that rank the same first; null where rows have nothing to rank. */
  Double top1Agreement() {
    return ranked ? (Double) ((double) agreeing / rows) : null;
  }

  /** As {@code --json} has it. */
  Map<String, Object> json() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("maxAbs", maxAbs());
    object.put("maxRel", maxRel());
    object.put("sqnrDb", sqnrDb());
    object.put("cosine", cosine());
    object.put("top1Agreement", top1Agreement());
    return object;
  }
}
