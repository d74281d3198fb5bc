package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.OutputComparison;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

  /**
   * What other samples of the same kind have of {@link #sqnrDb} at least, with 95 % confidence;
   * negative infinity where too few were held out to tell.
   */
  public double sqnrLowDb() {
    double worst = MAX_DB;
    for (OutputComparison output : outputs) {
      if (output.isQuantity()) {
        double own = output.sqnrLowDb();
        worst = Math.min(worst, Double.isNaN(own) ? Double.NEGATIVE_INFINITY : own);
      }
    }
    return worst;
  }

  /**
   * The share of the rows of other samples of the same kind whose first rank changes at most, with
   * 95 % confidence. Whole numbers beside scores are taken for the ranks of these, and counted.
   */
  public double changedAtMost() {
    boolean scores = outputs.stream().anyMatch(OutputComparison::isScored);
    double worst = 1 - top1Agreement();
    for (OutputComparison output : outputs) {
      if (output.isScored() || !scores) {
        worst = Math.max(worst, output.changedAtMost());
      }
    }
    return worst;
  }

  /** The figures of each output, for files and scripts. */
  public Map<String, Object> figures() {
    Map<String, Object> figures = new LinkedHashMap<>();
    for (OutputComparison output : outputs) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("sqnrDb", finite(output.sqnrDb()));
      one.put("sqnrAtLeastDb", finite(output.sqnrLowDb()));
      one.put("top1Agreement", output.top1Agreement());
      one.put("changedAtMost", output.top1Agreement() == null ? null : output.changedAtMost());
      figures.put(output.name(), one);
    }
    return figures;
  }

  private static Double finite(double decibel) {
    return decibel == Double.NEGATIVE_INFINITY || Double.isNaN(decibel)
        ? null
        : (Double) Math.min(decibel, MAX_DB);
  }
}
