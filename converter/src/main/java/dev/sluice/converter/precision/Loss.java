package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.OutputComparison;
import java.util.List;

/**
 * How far the outputs of a graph are from the model's, on the hold-out.
 *
 * <p>Thread safety: immutable, but for the comparisons.
 *
 * @param outputs one for each output
 */
public record Loss(List<OutputComparison> outputs) {
  /** What counts as no noise at all, so that infinite numbers need no case of their own. */
  public static final double MAX_DB = 200;

  /** Copies the list. */
  public Loss {
    outputs = List.copyOf(outputs);
  }

  /** Signal to noise of the worst output of real numbers, in decibels, at most {@link #MAX_DB}. */
  public double sqnrDb() {
    double worst = MAX_DB;
    for (OutputComparison output : outputs) {
      if (output.isQuantity()) {
        double own = output.sqnrDb();
        worst = Math.min(worst, Double.isNaN(own) ? Double.NEGATIVE_INFINITY : own);
      }
    }
    return worst;
  }

  /** The least part of the rows that rank the same first; 1 where nothing is ranked. */
  public double top1Agreement() {
    double worst = 1;
    for (OutputComparison output : outputs) {
      Double own = output.top1Agreement();
      worst = own == null ? worst : Math.min(worst, own);
    }
    return worst;
  }
}
