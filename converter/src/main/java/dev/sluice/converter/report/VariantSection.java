package dev.sluice.converter.report;

import dev.sluice.converter.report.PrecisionReport.Output;
import dev.sluice.converter.report.PrecisionReport.Variant;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * Accuracy, size and speed of the variants side by side, and the outputs one by one.
 *
 * <p>Thread safety: stateless.
 */
final class VariantSection {
  /** Variants, and rows of outputs, that a page shows. */
  static final int MAX_VARIANTS = 24;

  static final int MAX_OUTPUTS = 200;
  private static final int NOTE_LENGTH = 240;

  private VariantSection() {}

  static void write(Html html, PrecisionReport report) {
    html.open("section", "id", "variants").element("h2", "Accuracy, size and speed");
    List<Variant> variants = report.variants();
    if (variants.isEmpty()) {
      html.element("p", "Nothing was compared.", "class", "none");
    } else {
      List<Variant> shown = variants.subList(0, Math.min(MAX_VARIANTS, variants.size()));
      bars(html, shown);
      table(html, shown);
      Sections.leftOut(html, shown.size(), variants.size(), "variants");
    }
    html.close("section");
  }

  /** Every output of the package, and those of the other variants. */
  static void outputs(Html html, PrecisionReport report) {
    html.open("section", "id", "outputs").element("h2", "Outputs");
    if (report.outputs().isEmpty()) {
      html.element("p", "No output was compared on held-out samples.", "class", "none");
    } else {
      open(html, "The package against FP32 on the hold-out", "Output");
      report.outputs().stream().limit(MAX_OUTPUTS).forEach(output -> row(html, null, output));
      Table.close(html);
      Sections.leftOut(html, MAX_OUTPUTS, report.outputs().size(), "outputs");
    }
    int rows = report.variants().stream().mapToInt(variant -> variant.outputs().size()).sum();
    if (rows > 0) {
      html.open("details").element("summary", "The outputs of every variant");
      open(html, "Every variant against FP32 on the hold-out", "Variant, output");
      report.variants().stream()
          .flatMap(variant -> variant.outputs().stream().map(o -> new Pair(variant.name(), o)))
          .limit(MAX_OUTPUTS)
          .forEach(pair -> row(html, pair.variant(), pair.output()));
      Table.close(html);
      Sections.leftOut(html, MAX_OUTPUTS, rows, "outputs");
      html.close("details");
    }
    html.close("section");
  }

  private record Pair(String variant, Output output) {}

  private static void open(Html html, String caption, String first) {
    Table.open(
        html, caption, "outputs", first, "#SQNR, dB", "#Cosine", "#Largest difference", "#Top-1");
  }

  private static void row(Html html, String variant, Output output) {
    html.open("tr");
    Table.head(html);
    if (variant != null) {
      html.words(variant, Html.NAME_LENGTH).text(", ");
    }
    html.name(output.name()).close("th");
    Table.number(html, Amounts.level(output.sqnrDb()));
    Table.number(html, output.cosine() == null ? Amounts.NONE : Amounts.fixed(output.cosine(), 6));
    Table.number(html, Amounts.real(output.maxAbs()));
    Table.number(html, Amounts.percent(output.top1Agreement()));
    html.close("tr");
  }

  private static void table(Html html, List<Variant> variants) {
    Variant reference = variants.getFirst();
    Table.open(
        html,
        "The variants; shares and factors are of the first",
        "variants",
        "Variant",
        "#Size",
        "#Latency",
        "#SQNR, dB",
        "#Top-1");
    for (int i = 0; i < variants.size(); i++) {
      Variant variant = variants.get(i);
      boolean first = i == 0;
      html.open("tr");
      Table.head(html).words(variant.name(), Html.NAME_LENGTH);
      if (variant.note() != null && !variant.note().isEmpty()) {
        html.text(" ").open("span", "class", "under").words(variant.note(), NOTE_LENGTH);
        html.close("span");
      }
      html.close("th");
      String size =
          Verdict.share(variant.sizeBytes(), reference.sizeBytes())
              .map(Amounts::percent)
              .orElse("");
      both(html, Amounts.bytes(variant.sizeBytes()), first ? "" : size);
      String speed =
          Verdict.share(reference.latencyMs(), variant.latencyMs())
              .map(factor -> Amounts.ratio(factor) + "×")
              .orElse("");
      both(html, Amounts.milliseconds(variant.latencyMs()), first ? "" : speed);
      Table.number(html, Amounts.level(Verdict.worst(variant.outputs()).orElse(null)));
      Table.number(html, Amounts.percent(Verdict.top1(variant.outputs()).orElse(null)));
      html.close("tr");
    }
    Table.close(html);
  }

  private static void both(Html html, String number, String under) {
    html.open("td", "class", "number").text(number);
    if (!under.isEmpty()) {
      html.text(" ").element("span", under, "class", "under");
    }
    html.close("td");
  }

  private static void bars(Html html, List<Variant> variants) {
    html.open(
        "div",
        "class",
        "panels",
        "role",
        "img",
        "aria-label",
        "Bars of size, latency and SQNR of the variants; the table below has the numbers.");
    panel(
        html,
        "Size: shorter is better",
        variants,
        i -> Amount.of(variants.get(i).sizeBytes(), Amounts.bytes(variants.get(i).sizeBytes())));
    panel(
        html,
        "Latency: shorter is better",
        variants,
        i ->
            Amount.of(
                variants.get(i).latencyMs(), Amounts.milliseconds(variants.get(i).latencyMs())));
    panel(html, "SQNR, worst output: longer is better", variants, i -> sqnr(variants, i));
    html.close("div");
  }

  private static Amount sqnr(List<Variant> variants, int i) {
    List<Output> outputs = variants.get(i).outputs();
    if (i == 0 && outputs.isEmpty()) {
      return new Amount(Double.POSITIVE_INFINITY, "reference");
    }
    Double worst = Verdict.worst(outputs).orElse(null);
    return Amount.of(worst, worst == null ? "" : Amounts.decibels(worst));
  }

  /** The length of a bar, 0 where it is not known, and its text. */
  private record Amount(double value, String text) {
    static Amount of(Number value, String text) {
      return value == null ? new Amount(0, "not measured") : new Amount(value.doubleValue(), text);
    }
  }

  private static void panel(
      Html html, String title, List<Variant> variants, IntFunction<Amount> amounts) {
    double most =
        IntStream.range(0, variants.size())
            .mapToDouble(i -> amounts.apply(i).value())
            .filter(Double::isFinite)
            .max()
            .orElse(0);
    html.open("div", "class", "panel").element("strong", title);
    for (int i = 0; i < variants.size(); i++) {
      Amount amount = amounts.apply(i);
      html.open("div", "class", "entry").open("span", "class", "who");
      html.words(variants.get(i).name(), Html.NAME_LENGTH).close("span");
      html.element("span", amount.text(), "class", "amount");
      Svg.bar(html, i == 0 ? "reference" : "fill", amount.value() / most);
      html.close("div");
    }
    html.close("div");
  }
}
