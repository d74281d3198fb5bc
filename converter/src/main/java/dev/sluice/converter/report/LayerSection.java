package dev.sluice.converter.report;

import dev.sluice.converter.report.PrecisionReport.Choice;
import dev.sluice.converter.report.PrecisionReport.Layer;
import dev.sluice.converter.report.Worst.Loss;
import java.util.ArrayList;
import java.util.List;

/**
 * The layers: how many run in which precision, what each costs in the order of the graph, and why
 * some were given back.
 *
 * <p>Thread safety: stateless.
 */
final class LayerSection {
  /** Layers that a page lists. */
  static final int MAX_ROWS = 1000;

  /** Code points of an operator or a precision. */
  static final int WORD_LENGTH = 40;

  /** Code points of a reason. */
  static final int REASON_LENGTH = 240;

  /** A list up to this length stands open, and needs no list of the worst. */
  private static final int SHORT = 16;

  private static final int OPEN = 100;
  private static final int OPEN_GIVEN_BACK = 20;
  private static final int WORST = 10;

  private LayerSection() {}

  static void write(Html html, PrecisionReport report) {
    List<Layer> layers = report.layers();
    html.open("section", "id", "layers").element("h2", "Layers");
    if (layers.isEmpty()) {
      html.element("p", "No layer was looked at.", "class", "none");
    } else {
      html.element("p", summary(report));
      LayerChart.draw(html, layers);
      double most = LayerChart.most(layers);
      givenBack(html, layers, most);
      if (layers.size() > SHORT) {
        html.element("h3", "Lowered, and losing most");
        table(html, "The lowered layers with the lowest SQNR", layers, lowered(layers), most);
      }
      List<Integer> shown = worst(layers, MAX_ROWS).stream().sorted().toList();
      String title =
          layers.size() == 1
              ? "The layer"
              : "All " + Amounts.count(layers.size()) + " layers in graph order";
      if (shown.size() < layers.size()) {
        title = "The " + Amounts.count(shown.size()) + " layers that lose most, in graph order";
      }
      foldable(html, layers.size() <= OPEN, title);
      table(html, title, layers, shown, most);
      html.close("details");
      Sections.leftOut(html, shown.size(), layers.size(), "layers");
    }
    html.close("section");
  }

  private static void foldable(Html html, boolean open, String title) {
    html.open("details", open ? new String[] {"open", "open"} : new String[0]);
    html.element("summary", title);
  }

  private static List<Integer> worst(List<Layer> layers, int most) {
    return Worst.first(layers, layer -> Loss.of(layer.sqnrDb()), most);
  }

  private static List<Integer> lowered(List<Layer> layers) {
    return worst(layers, layers.size()).stream()
        .filter(i -> layers.get(i).choice() == Choice.LOWERED)
        .limit(WORST)
        .toList();
  }

  private static void givenBack(Html html, List<Layer> layers, double most) {
    List<Integer> given = new ArrayList<>();
    for (int i = 0; i < layers.size(); i++) {
      if (layers.get(i).choice() == Choice.GIVEN_BACK) {
        given.add(i);
      }
    }
    if (given.isEmpty() || layers.size() <= SHORT) {
      return;
    }
    List<Integer> shown = given.subList(0, Math.min(MAX_ROWS / 4, given.size()));
    String title = "Given back to higher precision: " + Amounts.count(given.size());
    foldable(html, given.size() <= OPEN_GIVEN_BACK, title);
    table(html, "Layers that were given back, and why", layers, shown, most);
    Sections.leftOut(html, shown.size(), given.size(), "layers");
    html.close("details");
  }

  /** How many of each sort. */
  static String summary(PrecisionReport report) {
    long givenBack = count(report, Choice.GIVEN_BACK);
    long kept = count(report, Choice.KEPT);
    return Amounts.count(count(report, Choice.LOWERED))
        + " of "
        + Amounts.count(report.layers().size(), "layer runs", "layers run")
        + " in "
        + Verdict.precision(report)
        + "; "
        + Amounts.count(givenBack, "was", "were")
        + " given back; "
        + Amounts.count(kept, "was", "were")
        + " no candidate.";
  }

  private static long count(PrecisionReport report, Choice choice) {
    return report.layers().stream().filter(layer -> layer.choice() == choice).count();
  }

  private static void table(
      Html html, String caption, List<Layer> layers, List<Integer> rows, double most) {
    Table.open(
        html, caption, "layers quiet", "#No.", "Layer", "Precision", "#SQNR, dB", "#Weights");
    for (int row : rows) {
      Layer layer = layers.get(row);
      html.open("tr", "class", LayerChart.style(layer));
      Table.number(html, Amounts.count(row + 1));
      Table.head(html).name(layer.name());
      html.text(" ").open("span", "class", "under").words(layer.operator(), WORD_LENGTH);
      if (!layer.reason().isEmpty()) {
        html.text(" · ").words(layer.reason(), REASON_LENGTH);
      }
      html.close("span").close("th");
      html.open("td").words(layer.precision(), WORD_LENGTH);
      if (layer.choice() != Choice.LOWERED) {
        html.text(" ");
        html.element(
            "span",
            layer.choice() == Choice.GIVEN_BACK ? "▲ given back" : "kept",
            "class",
            "under mark");
      }
      html.close("td").open("td", "class", "number level");
      html.element("span", Amounts.level(layer.sqnrDb()));
      if (layer.sqnrDb() != null) {
        Svg.bar(html, LayerChart.style(layer), layer.sqnrDb() / most);
      }
      html.close("td");
      weights(html, layer);
      html.close("tr");
    }
    Table.close(html);
  }

  private static void weights(Html html, Layer layer) {
    html.open("td", "class", "number").text(Amounts.bytes(layer.weightBytesBefore()));
    if (layer.weightBytesAfter() != null
        && !layer.weightBytesAfter().equals(layer.weightBytesBefore())) {
      html.text(" ")
          .element("span", "→ " + Amounts.bytes(layer.weightBytesAfter()), "class", "under");
    }
    html.close("td");
  }
}
