package dev.sluice.converter.report;

import dev.sluice.converter.report.PrecisionReport.Bar;
import dev.sluice.converter.report.PrecisionReport.Choice;
import dev.sluice.converter.report.PrecisionReport.Output;
import dev.sluice.converter.report.PrecisionReport.Variant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;

/**
 * The report in one sentence.
 *
 * <p>Thread safety: stateless.
 */
final class Verdict {
  /** Two times that are this close are called the same. */
  private static final double SAME = 0.05;

  private Verdict() {}

  /** The precision as a heading has it. */
  static String precision(PrecisionReport report) {
    return Names.shown(report.precision().toUpperCase(Locale.ROOT), LayerSection.WORD_LENGTH);
  }

  /** The limit, with a space before its unit. */
  static String limit(Bar bar) {
    return Names.shown(bar.limit().strip(), LayerSection.WORD_LENGTH)
        .replaceFirst("(?<=[0-9])(?=(dB|%)$)", "\u00a0");
  }

  /** The sentence. */
  static String of(PrecisionReport report) {
    StringBuilder text = new StringBuilder(precision(report));
    if (report.bar() == null) {
      text.append(" was built without an accuracy bar");
    } else {
      text.append(report.bar().met() ? " meets" : " misses").append(" the bar of ");
      text.append(limit(report.bar()));
    }
    text.append(": ").append(accuracy(report));
    cost(report).ifPresent(cost -> text.append(", at ").append(cost));
    givenBack(report).ifPresent(layers -> text.append("; ").append(layers));
    return text.append('.').toString();
  }

  private static String accuracy(PrecisionReport report) {
    List<String> kept = new ArrayList<>();
    worst(report.outputs()).ifPresent(sqnr -> kept.add(Amounts.decibels(sqnr) + " SQNR"));
    top1(report.outputs()).ifPresent(top1 -> kept.add(Amounts.percent(top1) + " of top-1 answers"));
    String samples = Amounts.count(report.holdoutSamples(), "held-out sample", "held-out samples");
    if (kept.isEmpty()) {
      return "its outputs were not compared on held-out samples";
    }
    String worst = report.outputs().size() == 1 ? "its output keeps " : "its worst output keeps ";
    return "on " + samples + " " + worst + String.join(" and ", kept);
  }

  private static Optional<String> cost(PrecisionReport report) {
    if (report.variants().size() < 2) {
      return Optional.empty();
    }
    Variant reference = report.variants().get(0);
    Variant own = report.variants().get(1);
    List<String> parts = new ArrayList<>();
    share(own.sizeBytes(), reference.sizeBytes())
        .ifPresent(share -> parts.add(Amounts.percent(share) + " of the size"));
    share(reference.latencyMs(), own.latencyMs()).ifPresent(speed -> parts.add(speed(speed)));
    return parts.isEmpty()
        ? Optional.empty()
        : Optional.of(
            String.join(" and ", parts) + " of " + Names.shown(reference.name(), Html.NAME_LENGTH));
  }

  private static String speed(double speed) {
    if (Math.abs(speed - 1) < SAME) {
      return "the speed";
    }
    return Amounts.ratio(speed) + " times the speed";
  }

  private static Optional<String> givenBack(PrecisionReport report) {
    long given = report.layers().stream().filter(l -> l.choice() == Choice.GIVEN_BACK).count();
    int all = report.layers().size();
    if (all == 0) {
      return Optional.empty();
    }
    return Optional.of(
        (given == 0
                ? "no layer"
                : Amounts.count(given) + " of " + Amounts.count(all, "layer", "layers"))
            + (given > 1 ? " were" : " was")
            + " given back to higher precision");
  }

  /** The part that a quantity is of another one, where both are known. */
  static Optional<Double> share(Number part, Number whole) {
    if (part == null || whole == null) {
      return Optional.empty();
    }
    double share = part.doubleValue() / whole.doubleValue();
    return Double.isFinite(share) ? Optional.of(share) : Optional.empty();
  }

  /** The lowest SQNR of some outputs; not a number counts as the lowest. */
  static Optional<Double> worst(List<Output> outputs) {
    return outputs.stream()
        .map(Output::sqnrDb)
        .filter(Objects::nonNull)
        .min(Comparator.comparingDouble(Worst::rank));
  }

  /** The lowest agreement of some outputs. */
  static Optional<Double> top1(List<Output> outputs) {
    return outputs.stream()
        .map(Output::top1Agreement)
        .filter(Objects::nonNull)
        .min(Comparator.comparingDouble(Worst::rank));
  }
}
