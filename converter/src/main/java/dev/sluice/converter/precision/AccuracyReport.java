package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.OutputComparison;
import dev.sluice.converter.report.PrecisionPage;
import dev.sluice.converter.report.PrecisionReport;
import dev.sluice.converter.report.PrecisionReport.Choice;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the page about the accuracy of a conversion.
 *
 * <p>Thread safety: stateless.
 */
public final class AccuracyReport {
  private AccuracyReport() {}

  /**
   * Writes {@code report.html} into a folder, which is made where it is not there.
   *
   * @param weights of the layers before and after
   * @param sizeBytes of the package that was made
   * @param producer who made it
   */
  public static void write(
      SourceModel source,
      Conversion conversion,
      PrecisionOptions options,
      List<PrecisionReport.Weight> weights,
      long sizeBytes,
      String producer,
      Path folder)
      throws IOException {
    boolean met =
        options.maxLoss().holds(conversion.cpuLoss())
            && options.maxLoss().holds(conversion.tensorRtLoss());
    PrecisionReport report =
        new PrecisionReport(
            source.manifest().model(),
            conversion.precision(),
            conversion.calibrator(),
            conversion.calibrationSamples(),
            conversion.holdoutSamples(),
            new PrecisionReport.Bar(options.maxLoss().toString(), met),
            conversion.layers().stream().map(layer -> layer(layer, conversion, weights)).toList(),
            activations(conversion),
            weights,
            variants(source, conversion, sizeBytes),
            outputs(conversion.cpuLoss()),
            List.of("The CPU's graph is in " + conversion.cpuNote() + "."),
            producer,
            Instant.now().truncatedTo(ChronoUnit.SECONDS));
    Files.createDirectories(folder);
    var _ = PrecisionPage.write(report, folder);
  }

  private static PrecisionReport.Layer layer(
      Manifest.Layer layer, Conversion conversion, List<PrecisionReport.Weight> weights) {
    Choice choice =
        layer.precision().equals(conversion.precision())
            ? Choice.LOWERED
            : layer.sqnrDb() == null ? Choice.KEPT : Choice.GIVEN_BACK;
    Long before =
        weights.stream()
            .filter(weight -> weight.layer().equals(layer.name()))
            .map(weight -> weight.before().total() * Float.BYTES)
            .findFirst()
            .orElse(null);
    return new PrecisionReport.Layer(
        layer.name(),
        layer.op(),
        layer.precision(),
        choice,
        layer.reason(),
        layer.sqnrDb(),
        before,
        before == null || choice != Choice.LOWERED ? before : (Long) (before / Float.BYTES));
  }

  private static List<PrecisionReport.Activation> activations(Conversion conversion) {
    List<PrecisionReport.Activation> activations = new ArrayList<>();
    conversion
        .bounds()
        .forEach((tensor, bounds) -> {
          Histogram histogram = conversion.histograms().get(tensor);
          if (histogram.width() > 0) {
            activations.add(activation(tensor, bounds, histogram));
          }
        });
    return activations;
  }

  private static PrecisionReport.Activation activation(
      String tensor, Bounds bounds, Histogram histogram) {
    boolean signed = histogram.min() < 0;
    int first = signed ? -Histogram.BINS : 0;
    long[] counts = new long[Histogram.BINS - first];
    Grid grid = Grid.unsigned(bounds);
    double signal = 0;
    double noise = 0;
    for (int i = 0; i < counts.length; i++) {
      counts[i] = histogram.count(first + i);
      double value = (first + i + 0.5) * histogram.width();
      double error = grid.value(grid.code(value)) - value;
      signal += counts[i] * value * value;
      noise += counts[i] * error * error;
    }
    return new PrecisionReport.Activation(
        tensor,
        dev.sluice.converter.report.Histogram.of(
            first * histogram.width(), histogram.width(), counts),
        histogram.min(),
        histogram.max(),
        bounds.low(),
        bounds.high(),
        grid.scale(),
        noise == 0 ? null : 10 * Math.log10(signal / noise));
  }

  private static List<PrecisionReport.Variant> variants(
      SourceModel source, Conversion conversion, long sizeBytes) throws IOException {
    SpeedTrial.Times times = conversion.times();
    boolean changed = conversion.cpu() != source.graph();
    String how = "one thread, one sample a run";
    return List.of(
        new PrecisionReport.Variant(
            "fp32 cpu",
            times == null ? null : how,
            Files.size(source.opened().file()),
            times == null ? null : times.modelNs() / 1e6,
            List.of()),
        new PrecisionReport.Variant(
            (changed ? conversion.precision() : "fp32") + " cpu, in this package",
            times == null || !changed ? null : how,
            sizeBytes,
            times == null || !changed ? null : times.otherNs() / 1e6,
            outputs(conversion.cpuLoss())),
        new PrecisionReport.Variant(
            conversion.precision() + " tensorrt",
            "its accuracy emulated on the CPU; its speed shows on a GPU",
            null,
            null,
            outputs(conversion.tensorRtLoss())));
  }

  private static List<PrecisionReport.Output> outputs(Loss loss) {
    List<PrecisionReport.Output> outputs = new ArrayList<>();
    for (OutputComparison output : loss.outputs()) {
      outputs.add(
          new PrecisionReport.Output(
              output.name(),
              output.sqnrDb(),
              output.cosine(),
              output.maxAbs(),
              output.top1Agreement()));
    }
    return outputs;
  }
}
