package dev.sluice.converter.report;

import dev.sluice.converter.report.PrecisionReport.Activation;

/**
 * Draws a histogram over a logarithmic axis of counts, with what thresholds clip marked; or two of
 * them, one upwards and one downwards from one axis of values.
 *
 * <p>Thread safety: stateless.
 */
final class HistogramChart {
  /** Bars of a drawing: more than a card of this width can tell apart. */
  static final int MAX_BARS = 128;

  private static final double WIDTH = 320;
  private static final double HEIGHT = 128;
  private static final double LEFT = 36;
  private static final double RIGHT = WIDTH - 6;
  private static final double TOP = 12;
  private static final double BOTTOM = HEIGHT - 18;
  private static final double TEXT_DROP = 3.5;
  private static final double TICK = 4;
  private static final int X_TICKS = 5;

  /** Half a value: where the axis of counts starts, so that a single value has a height. */
  private static final double LEAST_COUNT = 0.5;

  private HistogramChart() {}

  /**
   * The values of a tensor with its thresholds.
   *
   * @param label what the drawing says, for those who can't see it
   */
  static void draw(Html html, Activation tensor, String label) {
    Histogram bars = tensor.histogram().merged(MAX_BARS);
    double all = Double.POSITIVE_INFINITY;
    double low = Double.isNaN(tensor.clipsBelow()) ? -all : tensor.clipsBelow();
    double high = Double.isNaN(tensor.clipsAbove()) ? all : tensor.clipsAbove();
    double first = tensor.thresholdLow();
    double last = tensor.thresholdHigh();
    Axis values =
        new Axis(
            Double.isFinite(first) ? Math.min(bars.low(), first) : bars.low(),
            Double.isFinite(last) ? Math.max(bars.high(), last) : bars.high(),
            LEFT,
            RIGHT);
    Axis counts = counts(highest(bars), BOTTOM, TOP);
    open(html, label);
    clipped(html, values, low, high);
    grid(html, counts, highest(bars), 0, 3);
    if (bars.width() == 0) {
      boolean outside = bars.shareOutside(low, high) > 0;
      area(html, outside ? "outside" : "inside", bars, values, counts, -all, all);
    } else {
      area(html, "inside", bars, values, counts, low, high);
      area(html, "outside", bars, values, counts, -all, low);
      area(html, "outside", bars, values, counts, high, all);
    }
    Svg.line(html, "base", LEFT, BOTTOM, RIGHT, BOTTOM);
    threshold(html, values, first);
    threshold(html, values, last);
    labels(html, values);
    html.close("svg");
  }

  /** Two histograms of the same values, before upwards and after downwards. */
  static void drawPair(Html html, Histogram before, Histogram after, String label) {
    Histogram above = before.merged(MAX_BARS);
    Histogram below = after.merged(MAX_BARS);
    Axis values =
        new Axis(
            Math.min(above.low(), below.low()), Math.max(above.high(), below.high()), LEFT, RIGHT);
    double middle = (TOP + BOTTOM) / 2;
    double most = Math.max(highest(above), highest(below));
    Axis up = counts(most, middle, TOP);
    Axis down = counts(most, middle, BOTTOM);
    open(html, label);
    grid(html, up, most, 1, 2);
    grid(html, down, most, 1, 2);
    double all = Double.POSITIVE_INFINITY;
    area(html, "before", above, values, up, -all, all);
    area(html, "inside", below, values, down, -all, all);
    Svg.line(html, "base", LEFT, middle, RIGHT, middle);
    Svg.label(html, "end", RIGHT, TOP + 2 * TICK, "before");
    Svg.label(html, "end", RIGHT, BOTTOM - TICK, "after");
    labels(html, values);
    html.close("svg");
  }

  private static void open(Html html, String label) {
    html.open(
        "svg",
        "class",
        "histogram",
        "viewBox",
        "0 0 " + Svg.at(WIDTH) + " " + Svg.at(HEIGHT),
        "role",
        "img",
        "aria-label",
        label);
  }

  private static double highest(Histogram bars) {
    long highest = 1;
    for (int i = 0; i < bars.bins(); i++) {
      highest = Math.max(highest, bars.count(i));
    }
    return highest;
  }

  private static Axis counts(double highest, double bottom, double top) {
    return new Axis(Math.log10(LEAST_COUNT), Math.log10(highest), bottom, top);
  }

  /** Lines at powers of ten from one on, about so many of them. */
  private static void grid(Html html, Axis counts, double highest, int first, int lines) {
    int top = (int) Math.floor(Math.log10(highest));
    int step = Math.max(1, Math.ceilDiv(top, lines));
    for (int power = first; power <= top; power += step) {
      double y = counts.at(power);
      Svg.line(html, "grid", LEFT, y, RIGHT, y);
      Svg.label(html, "end", LEFT - TICK, y + TEXT_DROP, power(power));
    }
  }

  private static String power(int power) {
    String[] plain = {"1", "10", "100", "1k", "10k", "100k", "1M", "10M", "100M", "1G"};
    return power < plain.length ? plain[power] : "1e" + power;
  }

  private static void labels(Html html, Axis values) {
    String last = "";
    for (double tick : values.ticks(X_TICKS)) {
      double x = values.at(tick);
      String text = Amounts.real(tick);
      if (!text.equals(last)) {
        Svg.line(html, "base", x, BOTTOM, x, BOTTOM + TICK);
        String anchor = x < LEFT + TICK ? "start" : x > RIGHT - 3 * TICK ? "end" : "middle";
        Svg.label(html, anchor, x, HEIGHT - TICK, text);
      }
      last = text;
    }
  }

  /** What lies beyond the thresholds. */
  private static void clipped(Html html, Axis values, double low, double high) {
    double left = values.at(low);
    double right = values.at(high);
    if (left > LEFT) {
      Svg.box(html, "clipped", LEFT, TOP, left - LEFT, BOTTOM - TOP);
    }
    if (right < RIGHT) {
      Svg.box(html, "clipped", right, TOP, RIGHT - right, BOTTOM - TOP);
    }
  }

  private static void threshold(Html html, Axis values, double threshold) {
    if (!Double.isFinite(threshold)) {
      return;
    }
    double x = values.at(threshold);
    Svg.line(html, "threshold", x, TOP, x, BOTTOM);
    html.empty(
        "path",
        "class",
        "marker",
        "d",
        "M"
            + Svg.at(x - TICK)
            + " "
            + Svg.at(TOP - 8)
            + "h"
            + Svg.at(2 * TICK)
            + "l"
            + Svg.at(-TICK)
            + " 7z");
  }

  /** The part of the bars between two values, as one outline for each run of bars. */
  private static void area(
      Html html, String style, Histogram bars, Axis values, Axis counts, double from, double to) {
    StringBuilder path = new StringBuilder();
    boolean drawing = false;
    double end = 0;
    for (int i = 0; i < bars.bins(); i++) {
      double start = Math.max(bars.edge(i), from);
      double stop = Math.min(bars.edge(i + 1), to);
      boolean drawn = bars.count(i) > 0 && (start < stop || bars.width() == 0);
      if (drawn) {
        if (!drawing) {
          path.append('M').append(Svg.at(values.at(start))).append(' ').append(base(counts));
        }
        // A single value, and what is narrower than a line, is drawn as a line.
        end = Math.max(values.at(stop), values.at(start) + 1);
        path.append('V').append(Svg.at(counts.at(Math.log10((double) bars.count(i)))));
        path.append('H').append(Svg.at(end));
      } else if (drawing) {
        path.append('V').append(base(counts)).append('z');
      }
      drawing = drawn;
    }
    if (drawing) {
      path.append('V').append(base(counts)).append('z');
    }
    if (!path.isEmpty()) {
      html.empty("path", "class", style, "d", path.toString());
    }
  }

  private static String base(Axis counts) {
    return Svg.at(counts.from());
  }
}
