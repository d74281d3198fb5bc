package dev.sluice.bench.peers;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.stream.DoubleStream;

/**
 * Draws rows of the table: for each a bar from 1 to the ratio, with its 95 % interval as a whisker
 * and what is asked as a tick. The same rows give the same characters.
 *
 * <p>Columns are as wide as their longest text may be in any common font, and what is too long is
 * cut, so that no text meets another.
 *
 * <p>Not thread-safe.
 */
final class ChartDrawing {
  private static final int TITLE_PX = 16;
  private static final int TEXT_PX = 11;

  /** The widest of the common sans-serif fonts, in parts of its size for each character. */
  private static final double CHARACTER_EM = 0.62;

  /** The same of text that is no title. */
  static final double CHARACTER_PX = CHARACTER_EM * TEXT_PX;

  private static final int LINE_PX = 17;
  private static final int MARGIN_PX = 16;
  private static final int GAP_PX = 12;
  private static final int PLOT_PX = 340;
  private static final int BAR_PX = 9;
  private static final int SWATCH_PX = 16;

  /** From the baseline of a text up to its middle. */
  private static final int MIDDLE_PX = 4;

  private static final int LONGEST_LABEL = 96;

  private static final String INK = "#1f2328";
  private static final String GREY = "#59636e";
  private static final String GRID = "#dfe3e8";
  private static final String AHEAD = "#7db1e6";
  private static final String BEHIND = "#f0a269";
  private static final String BOLD = "font-weight=\"bold\"";
  private static final String FAINT = "fill=\"" + GREY + "\"";

  private final String title;
  private final boolean grouped;
  private final TableResults results;
  private final List<TableRow> rows;
  private final ChartScale scale;
  private final int ratioLeft;
  private final int askedLeft;
  private final int width;
  private final Svg svg = new Svg();

  /** The baseline of the last line of text. */
  private int top;

  /** A line of the chart: a row, or a heading without one. */
  private record Line(int y, String words, String attributes, TableRow row) {}

  /**
   * A drawing.
   *
   * @param grouped whether rows of the same load stand below its name; else each row names it
   * @param results what the rows are of
   */
  ChartDrawing(String title, boolean grouped, TableResults results, List<TableRow> rows) {
    this.title = title;
    this.grouped = grouped;
    this.results = results;
    this.rows = new ArrayList<>(rows);
    List<String> models = rows.stream().map(TableRow::model).distinct().toList();
    this.rows.sort(Comparator.comparingInt(row -> models.indexOf(row.model())));
    int left = MARGIN_PX + GAP_PX + longest(rows.stream().map(this::label).toList()) + GAP_PX;
    scale = ChartScale.of(rows.stream().flatMapToDouble(ChartDrawing::values), left, PLOT_PX);
    ratioLeft = left + PLOT_PX + GAP_PX;
    askedLeft =
        ratioLeft + longest(rows.stream().map(row -> row.ratio().toString()).toList()) + GAP_PX;
    int right = askedLeft + longest(rows.stream().map(ChartDrawing::asked).toList());
    int titleRight = MARGIN_PX + (int) Math.ceil(title.length() * CHARACTER_EM * TITLE_PX);
    width = Math.max(right, titleRight) + MARGIN_PX;
  }

  private static DoubleStream values(TableRow row) {
    PairedRatio ratio = row.ratio();
    DoubleStream own = DoubleStream.of(ratio.low(), ratio.median(), ratio.high());
    return row.bar() == null ? own : DoubleStream.concat(own, DoubleStream.of(row.bar()));
  }

  private static int longest(List<String> texts) {
    int characters = texts.stream().mapToInt(String::length).max().orElse(0);
    return (int) Math.ceil(Math.max(characters, "asked".length()) * CHARACTER_PX);
  }

  private String label(TableRow row) {
    return cut(grouped ? row.peer() : row.what() + " | " + row.peer(), LONGEST_LABEL);
  }

  private static String cut(String words, int most) {
    return words.length() <= most ? words : words.substring(0, most - 1) + "…";
  }

  /** How many characters a line has room for. */
  private int fitting() {
    return (int) ((width - 2 * MARGIN_PX) / CHARACTER_PX);
  }

  private static String asked(TableRow row) {
    return row.bar() == null
        ? ""
        : String.format(
            Locale.ROOT,
            "%s %.2f%s",
            row.moreIsBetter() ? "≥" : "≤",
            row.bar(),
            row.reached() ? "" : " missed");
  }

  /** The picture, as a file. */
  String draw() {
    header();
    int plotTop = top;
    List<Line> lines = lines();
    axis(plotTop, top + GAP_PX / 2);
    for (Line line : lines) {
      if (line.row == null) {
        svg.text(MARGIN_PX, line.y, cut(line.words, fitting()), line.attributes);
      } else {
        row(line.row, line.y);
      }
    }
    caption();
    return svg.document(title, width, top + MARGIN_PX, TEXT_PX, INK);
  }

  private void header() {
    top = MARGIN_PX + TITLE_PX;
    svg.text(MARGIN_PX, top, title, "font-size=\"" + TITLE_PX + "\" " + BOLD);
    top += LINE_PX + GAP_PX / 2;
    int middle = top - MIDDLE_PX;
    int x = MARGIN_PX;
    svg.rectangle("legend", x, middle - BAR_PX / 2.0, SWATCH_PX, BAR_PX, AHEAD);
    x = legend(x, "Sluice is ahead");
    svg.rectangle("legend", x, middle - BAR_PX / 2.0, SWATCH_PX, BAR_PX, BEHIND);
    x = legend(x, "behind");
    whisker("legend", x, x + SWATCH_PX, middle);
    x = legend(x, "95 % interval");
    tick("legend", x + SWATCH_PX / 2.0, middle);
    legend(x, "asked");
    top += LINE_PX + GAP_PX;
    svg.text(ratioLeft, top, "ratio", FAINT);
    svg.text(askedLeft, top, "asked", FAINT);
  }

  /** Names a swatch; where the next one goes. */
  private int legend(int x, String words) {
    svg.text(x + SWATCH_PX + MIDDLE_PX, top, words, FAINT);
    return x + SWATCH_PX + MIDDLE_PX + longest(List.of(words)) + GAP_PX;
  }

  private void whisker(String kind, double low, double high, double middle) {
    svg.line(kind, low, middle, high, middle, INK, 1.2);
    for (double end : new double[] {low, high}) {
      svg.line("end", end, middle - 3, end, middle + 3, INK, 1.2);
    }
  }

  private void tick(String kind, double x, double middle) {
    svg.line(kind, x, middle - 7, x, middle + 7, INK, 3);
  }

  private List<Line> lines() {
    List<Line> lines = new ArrayList<>();
    String model = null;
    String what = null;
    for (TableRow row : rows) {
      if (!row.model().equals(model)) {
        top += LINE_PX / 2;
        lines.add(new Line(nextLine(), "model " + row.model(), BOLD, null));
        what = null;
      }
      if (grouped && !row.what().equals(what)) {
        lines.add(new Line(nextLine(), row.what(), FAINT, null));
      }
      lines.add(new Line(nextLine(), label(row), "", row));
      model = row.model();
      what = row.what();
    }
    return lines;
  }

  private int nextLine() {
    top += LINE_PX;
    return top;
  }

  private void axis(int plotTop, int bottom) {
    for (BigDecimal value : scale.ticks()) {
      double x = scale.x(value.doubleValue());
      svg.line("grid", x, plotTop, x, bottom, GRID, 1);
      svg.text(
          x,
          bottom + LINE_PX - MIDDLE_PX,
          value.toPlainString(),
          "text-anchor=\"middle\" " + FAINT);
    }
    svg.line("one", scale.x(1), plotTop, scale.x(1), bottom, INK, 1);
    top = bottom + LINE_PX + GAP_PX / 2;
  }

  private void row(TableRow row, int y) {
    PairedRatio ratio = row.ratio();
    int middle = y - MIDDLE_PX;
    svg.begin("row", row.id());
    svg.text(MARGIN_PX + GAP_PX, y, label(row), "");
    if (!Double.isNaN(ratio.median())) {
      double one = scale.x(1);
      double end = scale.x(ratio.median());
      boolean ahead = row.moreIsBetter() ? ratio.median() >= 1 : ratio.median() <= 1;
      svg.rectangle(
          "bar",
          Math.min(one, end),
          middle - BAR_PX / 2.0,
          Math.abs(end - one),
          BAR_PX,
          ahead ? AHEAD : BEHIND);
      whisker("whisker", scale.x(ratio.low()), scale.x(ratio.high()), middle);
    }
    if (row.bar() != null) {
      tick("asked", scale.x(row.bar()), middle);
      svg.text(askedLeft, y, asked(row), row.reached() ? "" : BOLD);
    }
    svg.text(ratioLeft, y, ratio.toString(), "");
    svg.end();
  }

  private void caption() {
    StringBuilder words = new StringBuilder("Measured " + results.date());
    words.append(" on ").append(results.machine());
    new TreeMap<>(results.versions())
        .forEach((name, version) -> words.append(", ").append(name).append(' ').append(version));
    StringBuilder line = new StringBuilder();
    for (String word : words.toString().split("\\s+", -1)) {
      if (line.length() + 1 + word.length() > fitting()) {
        svg.text(MARGIN_PX, nextLine(), line.toString(), FAINT);
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    svg.text(MARGIN_PX, nextLine(), line.toString(), FAINT);
  }
}
