package dev.sluice.converter.report;

import dev.sluice.converter.report.PrecisionReport.Activation;
import dev.sluice.converter.report.PrecisionReport.Weight;
import dev.sluice.converter.report.Worst.Loss;
import java.util.List;

/**
 * The tensors that were calibrated, and the weights before and after.
 *
 * <p>Thread safety: stateless.
 */
final class TensorSections {
  private static final String TO = " … ";

  private static final Gallery<Activation> ACTIVATIONS =
      new Gallery<>(
          "activations",
          tensor -> new Loss(Worst.rank(tensor.sqnrDb()), tensor.clippedShare()),
          TensorSections::card,
          List.of("Tensor", "#SQNR, dB", "#Clipped", "#Observed", "#Thresholds", "#Scale"),
          TensorSections::row);

  private static final Gallery<Weight> WEIGHTS =
      new Gallery<>(
          "weights",
          weight -> Loss.of(weight.sqnrDb()),
          TensorSections::card,
          List.of("Layer", "#SQNR, dB", "#Values", "#Scales"),
          TensorSections::row);

  private TensorSections() {}

  static void activations(Html html, PrecisionReport report) {
    html.open("section", "id", "activations").element("h2", "Activations");
    if (report.activations().isEmpty()) {
      html.element("p", "No activation was calibrated.", "class", "none");
    } else {
      html.element(
          "p",
          "Values on the calibration's samples, counted on a logarithmic axis. Dashed lines with"
              + " markers are the thresholds that were chosen; what lies in the hatched parts is"
              + " clipped to them.");
      ACTIVATIONS.write(html, report.activations());
    }
    html.close("section");
  }

  static void weights(Html html, PrecisionReport report) {
    html.open("section", "id", "weights").element("h2", "Weights");
    if (report.weights().isEmpty()) {
      html.element("p", "No weights were quantized.", "class", "none");
    } else {
      html.element(
          "p",
          "Values before (upwards) and after (downwards), counted on a logarithmic axis; after"
              + " means as the layer uses them, dequantized.");
      WEIGHTS.write(html, report.weights());
    }
    html.close("section");
  }

  private static String range(double low, double high) {
    return Amounts.real(low) + TO + Amounts.real(high);
  }

  private static void card(Html html, Activation tensor) {
    Histogram histogram = tensor.histogram();
    html.open("figure", "class", "card").open("figcaption").name(tensor.tensor());
    html.close("figcaption");
    String clipped = Amounts.percent(tensor.clippedShare());
    if (histogram.isDrawable()) {
      HistogramChart.draw(
          html,
          tensor,
          "Histogram of "
              + Amounts.count(histogram.total(), "value", "values")
              + " from "
              + Amounts.real(tensor.observedMin())
              + " to "
              + Amounts.real(tensor.observedMax())
              + "; the thresholds clip "
              + clipped
              + ".");
    } else {
      notDrawn(html, histogram);
    }
    html.open("dl");
    level(html, tensor.sqnrDb());
    Gallery.fact(html, "Clipped", clipped);
    Gallery.fact(html, "Thresholds", range(tensor.thresholdLow(), tensor.thresholdHigh()));
    Gallery.fact(html, "Observed", range(tensor.observedMin(), tensor.observedMax()));
    Gallery.fact(html, "Scale", Amounts.real(tensor.scale()));
    html.close("dl").close("figure");
  }

  private static void row(Html html, Activation tensor) {
    html.open("tr");
    Table.head(html).name(tensor.tensor()).close("th");
    Table.number(html, Amounts.level(tensor.sqnrDb()));
    Table.number(html, Amounts.percent(tensor.clippedShare()));
    Table.number(html, range(tensor.observedMin(), tensor.observedMax()));
    Table.number(html, range(tensor.thresholdLow(), tensor.thresholdHigh()));
    Table.number(html, Amounts.real(tensor.scale()));
    html.close("tr");
  }

  private static void card(Html html, Weight weight) {
    html.open("figure", "class", "card").open("figcaption").name(weight.layer());
    html.close("figcaption");
    if (weight.before().isDrawable() && weight.after().isDrawable()) {
      HistogramChart.drawPair(
          html,
          weight.before(),
          weight.after(),
          "Histograms of the weights before and after, "
              + Amounts.count(weight.before().total(), "value", "values")
              + " from "
              + Amounts.real(weight.before().low())
              + " to "
              + Amounts.real(weight.before().high())
              + ".");
    } else {
      notDrawn(html, weight.before().isDrawable() ? weight.after() : weight.before());
    }
    html.open("dl");
    level(html, weight.sqnrDb());
    Gallery.fact(html, "Scales", scales(weight));
    Gallery.fact(html, "Values", Amounts.count(weight.before().total()));
    html.close("dl").close("figure");
  }

  private static void level(Html html, Double sqnrDb) {
    if (sqnrDb != null) {
      Gallery.fact(html, "SQNR", Amounts.decibels(sqnrDb));
    }
  }

  private static String scales(Weight weight) {
    return weight.channels() == 1
        ? "1, per tensor"
        : Amounts.count(weight.channels()) + ", per channel";
  }

  private static void row(Html html, Weight weight) {
    html.open("tr");
    Table.head(html).name(weight.layer()).close("th");
    Table.number(html, Amounts.level(weight.sqnrDb()));
    Table.number(html, Amounts.count(weight.before().total()));
    Table.number(html, scales(weight));
    html.close("tr");
  }

  private static void notDrawn(Html html, Histogram histogram) {
    html.element(
        "p",
        histogram.total() == 0
            ? "Not drawn: there are no values."
            : "Not drawn: the values reach from " + range(histogram.low(), histogram.high()) + ".",
        "class",
        "none");
  }
}
