package dev.sluice.converter.report;

import java.util.ArrayList;
import java.util.List;

/**
 * The values from {@code low} to {@code high} laid out from {@code from} to {@code to} of a
 * drawing.
 *
 * <p>Thread safety: immutable.
 */
record Axis(double low, double high, double from, double to) {
  /** Widens a range of one value, or of next to nothing, so that it lies in the middle. */
  Axis {
    if (!(high / 2 - low / 2 > 0)) {
      double margin = Math.max(Math.abs(low) / 2, 0.5);
      low -= margin;
      high += margin;
    }
  }

  /** Where a value is; beyond the ends, the end. */
  double at(double value) {
    double share = (value / 2 - low / 2) / (high / 2 - low / 2);
    return from + Math.clamp(share, 0, 1) * (to - from);
  }

  /** Round values inside, at most {@code most} of them and mostly more than half as many. */
  List<Double> ticks(int most) {
    double step = step((high / 2 - low / 2) / most * 2);
    double first = Math.ceil(low / step);
    List<Double> ticks = new ArrayList<>();
    if (!(step > 0) || !Double.isFinite(step)) {
      return ticks;
    }
    for (int i = 0; i < most; i++) {
      double tick = (first + i) * step;
      if (tick > high) {
        break;
      }
      ticks.add(tick + 0.0);
    }
    return ticks;
  }

  /** The smallest of 1, 2 and 5 times a power of ten that is at least this. */
  private static double step(double least) {
    double power = Math.pow(10, Math.floor(Math.log10(least)));
    for (int factor : new int[] {1, 2, 5}) {
      if (factor * power >= least) {
        return factor * power;
      }
    }
    return 10 * power;
  }
}
