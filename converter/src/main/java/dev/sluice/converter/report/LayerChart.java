package dev.sluice.converter.report;

import dev.sluice.converter.report.PrecisionReport.Choice;
import dev.sluice.converter.report.PrecisionReport.Layer;
import dev.sluice.converter.report.Worst.Loss;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Draws what each layer costs as columns in the order of the graph. Where there are more layers
 * than columns, a column stands for neighbours and has the lowest of them.
 *
 * <p>Thread safety: stateless.
 */
final class LayerChart {
  /** Columns of the drawing: more can't be told apart on a wide screen. */
  static final int MAX_COLUMNS = 400;

  /** From here on a column is too narrow for an outline. */
  private static final int DENSE = 120;

  private static final int NAME_LENGTH = 80;
  private static final double HEIGHT = 100;
  private static final double GAP = 0.15;

  /** The axis reaches this level in dB at least. */
  private static final double LEAST_TOP_DB = 10;

  /** And this level at most: FP32 itself has no more. */
  private static final double HIGHEST_TOP_DB = 150;

  private LayerChart() {}

  /** The level in dB that is a full column. */
  static double most(List<Layer> layers) {
    double most =
        layers.stream()
            .filter(layer -> layer.sqnrDb() != null && Double.isFinite(layer.sqnrDb()))
            .mapToDouble(Layer::sqnrDb)
            .max()
            .orElse(LEAST_TOP_DB);
    return Math.clamp(Math.ceil(most / LEAST_TOP_DB) * LEAST_TOP_DB, LEAST_TOP_DB, HIGHEST_TOP_DB);
  }

  /** The class of a layer in the style sheet. */
  static String style(Layer layer) {
    return style(layer.choice());
  }

  private static String style(Choice choice) {
    return switch (choice) {
      case LOWERED -> "fill";
      case GIVEN_BACK -> "given-back";
      case KEPT -> "kept";
    };
  }

  static void draw(Html html, List<Layer> layers) {
    if (layers.stream().allMatch(layer -> layer.sqnrDb() == null)) {
      html.element("p", "The loss of single layers was not measured.", "class", "none");
      return;
    }
    double most = most(layers);
    int group = Math.ceilDiv(layers.size(), MAX_COLUMNS);
    int columns = Math.ceilDiv(layers.size(), group);
    html.open("figure", "class", columns > DENSE ? "columns dense" : "columns").open("figcaption");
    html.text("SQNR of each layer in dB, in graph order: taller is better");
    if (group > 1) {
      html.text("; a column is the lowest of " + group + " neighbours");
    }
    html.close("figcaption");
    html.open("div", "class", "plot");
    Axis levels = new Axis(0, most, HEIGHT, 0);
    List<Double> ticks = levels.ticks(6);
    for (double tick : ticks) {
      html.element(
          "span",
          Amounts.real(tick),
          "class",
          "tick",
          "aria-hidden",
          "true",
          "style",
          "top:" + Svg.at(levels.at(tick)) + "%");
    }
    html.open(
        "svg",
        "viewBox",
        "0 0 " + columns * 10 + " 100",
        "preserveAspectRatio",
        "none",
        "role",
        "img",
        "aria-label",
        label(layers));
    for (double tick : ticks) {
      Svg.line(html, "grid", 0, levels.at(tick), columns * 10.0, levels.at(tick));
    }
    for (int column = 0; column < columns; column++) {
      int from = column * group;
      column(html, layers, from, Math.min(from + group, layers.size()), column, levels);
    }
    html.close("svg").close("div");
    html.open("div", "class", "ends", "aria-hidden", "true");
    html.element("span", "1").element("span", Amounts.count(layers.size())).close("div");
    legend(html, layers);
    html.close("figure");
  }

  private static void column(
      Html html, List<Layer> layers, int from, int to, int column, Axis levels) {
    Layer lowest =
        layers.subList(from, to).stream()
            .min(Comparator.comparingDouble(layer -> Worst.rank(layer.sqnrDb())))
            .orElseThrow();
    int number = layers.subList(from, to).indexOf(lowest) + from + 1;
    if (lowest.sqnrDb() == null) {
      return;
    }
    double y = lowest.sqnrDb().isNaN() ? HEIGHT : levels.at(lowest.sqnrDb());
    html.open(
        "rect",
        "class",
        style(lowest),
        "x",
        Svg.at((column + GAP) * 10),
        "y",
        Svg.at(y),
        "width",
        Svg.at((1 - 2 * GAP) * 10),
        "height",
        Svg.at(HEIGHT - y));
    html.element(
        "title",
        number
            + " "
            + Names.shown(lowest.name(), NAME_LENGTH)
            + ": "
            + Amounts.decibels(lowest.sqnrDb())
            + (lowest.choice() == Choice.GIVEN_BACK ? ", given back" : ""));
    html.close("rect");
    if (lowest.choice() == Choice.GIVEN_BACK) {
      Svg.box(html, "flag", (column + GAP) * 10, HEIGHT + 2, (1 - 2 * GAP) * 10, 4);
    }
  }

  private static String label(List<Layer> layers) {
    List<Double> measured = new ArrayList<>();
    layers.stream().filter(l -> l.sqnrDb() != null).forEach(l -> measured.add(l.sqnrDb()));
    measured.sort(Comparator.comparingDouble(Worst::rank));
    int worst = Worst.first(layers, layer -> Loss.of(layer.sqnrDb()), 1).getFirst();
    return String.format(
        Locale.ROOT,
        "Columns of the SQNR of %s: median %s, lowest %s at number %d, %s.",
        Amounts.count(measured.size(), "layer", "layers"),
        Amounts.decibels(measured.get(measured.size() / 2)),
        Amounts.decibels(measured.getFirst()),
        worst + 1,
        Names.shown(layers.get(worst).name(), NAME_LENGTH));
  }

  private static void legend(Html html, List<Layer> layers) {
    html.open("p", "class", "legend");
    for (Choice choice : Choice.values()) {
      Stream<Layer> those = layers.stream().filter(layer -> layer.choice() == choice);
      if (those.anyMatch(layer -> layer.sqnrDb() != null)) {
        key(html, choice);
      }
    }
    html.close("p");
  }

  private static void key(Html html, Choice choice) {
    String text =
        switch (choice) {
          case LOWERED -> "in lower precision";
          case GIVEN_BACK -> "given back, marked below the axis: the level that it would have";
          case KEPT -> "no candidate";
        };
    html.open("span", "class", "key");
    html.open("svg", "viewBox", "0 0 12 12", "aria-hidden", "true");
    Svg.box(html, style(choice), 1, 1, 10, 10);
    html.close("svg").text(text).close("span");
  }
}
