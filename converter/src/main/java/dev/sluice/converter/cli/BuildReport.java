package dev.sluice.converter.cli;

import dev.sluice.converter.build.BuildResult;
import dev.sluice.converter.build.PlanAdder;
import dev.sluice.converter.build.PrecisionBuilder;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.precision.Conversion;
import dev.sluice.converter.precision.Loss;
import dev.sluice.engine.format.Manifest;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What {@code sluice build} made.
 *
 * <p>Thread safety: immutable.
 *
 * @param result the package
 * @param converted how it got another precision than the model; null where it has the model's
 * @param added its new plan; null where it got none
 * @param noPlan why not, where one would have been built; else null
 */
record BuildReport(
    BuildResult result, PrecisionBuilder.Built converted, PlanAdder.Added added, String noPlan) {
  /** Changes of a rewrite that people are shown; JSON has all. */
  private static final int MAX_CHANGES = 5;

  /** One object. */
  Map<String, Object> json() {
    Manifest manifest = result.manifest();
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("package", result.packageFile().toString());
    object.put("precision", manifest.precision().overall());
    object.put("bytes", result.sizeBytes());
    object.put("seconds", result.durationNs() / 1e9);
    object.put("batching", ManifestText.batching(manifest.batching()));
    object.put("padding", manifest.padding());
    object.put("layers", manifest.precision().layers());
    object.put("calibration", converted == null ? null : calibration());
    object.put(
        "tensorrtProblems", converted == null ? null : converted.conversion().tensorRtProblems());
    object.put("device", DeviceOption.CPU);
    object.put("inputs", Tensors.json(manifest.signature().inputs()));
    object.put("outputs", Tensors.json(manifest.signature().outputs()));
    object.put("rewrites", result.rewrites());
    object.put("rewriteProof", result.rewriteProof());
    object.put("stages", ManifestText.stages(manifest));
    object.put("selfTest", ManifestText.selfTest(manifest, result.noSelfTest()));
    object.put("plans", added == null ? List.of() : List.of(json(added)));
    object.put("noPlan", noPlan);
    return object;
  }

  private Map<String, Object> calibration() {
    Conversion conversion = converted.conversion();
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("samples", conversion.calibrationSamples());
    object.put("calibrator", conversion.calibrator());
    object.put("holdout", conversion.holdoutSamples());
    object.put("holdoutSqnrDb", sqnr(conversion.cpuLoss()));
    object.put("tensorrtHoldoutSqnrDb", sqnr(conversion.tensorRtLoss()));
    object.put("cpu", conversion.cpuLoss().figures());
    object.put("tensorrt", conversion.tensorRtLoss().figures());
    return object;
  }

  private static Map<String, Object> sqnr(Loss loss) {
    Map<String, Object> byOutput = new LinkedHashMap<>();
    loss.outputs()
        .forEach(output -> byOutput.put(output.name(), Math.min(output.sqnrDb(), Loss.MAX_DB)));
    return byOutput;
  }

  private static Map<String, Object> json(PlanAdder.Added added) {
    Map<String, Object> object = PlanReport.target(added.key());
    object.put("bytes", added.sizeBytes());
    object.put("seconds", added.durationNs() / 1e9);
    return object;
  }

  /** For people. */
  void text(PrintWriter out) {
    Manifest manifest = result.manifest();
    out.println(result.packageFile());
    TextTable table =
        new TextTable()
            .row("model", manifest.model())
            .row("size", InspectCommand.bytes(result.sizeBytes()))
            .row("built in", seconds(result.durationNs()));
    ManifestText.describe(manifest, table);
    for (Rewrite.Report rewrite : result.rewrites()) {
      List<String> changes = rewrite.changes();
      table.row("rewrite", rewrite.name() + ": " + changes.getFirst());
      changes.stream().limit(MAX_CHANGES).skip(1).forEach(change -> table.row("", change));
      if (changes.size() > MAX_CHANGES) {
        table.row("", "and " + (changes.size() - MAX_CHANGES) + " more, which --json lists");
      }
    }
    if (result.rewriteProof() != null) {
      table.row("", result.rewriteProof());
    }
    if (converted != null) {
      converted
          .conversion()
          .tensorRtProblems()
          .forEach(problem -> table.row("TensorRT refuses", problem));
    }
    table.row("self-test", ManifestText.selfTestText(manifest, result.noSelfTest()));
    if (added != null) {
      table.row(
          "plan",
          added.key().packageName()
              + "  "
              + added.key().target()
              + ", "
              + InspectCommand.bytes(added.sizeBytes())
              + ", built in "
              + seconds(added.durationNs()));
    } else if (noPlan != null) {
      table.row("plan", "none: " + noPlan);
    }
    table.print(out);
  }

  private static String seconds(long durationNs) {
    return String.format(Locale.ROOT, "%.1f s", durationNs / 1e9);
  }
}
