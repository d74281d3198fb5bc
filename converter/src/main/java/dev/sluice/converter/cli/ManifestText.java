package dev.sluice.converter.cli;

import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.OutputStage;
import dev.sluice.engine.stage.Stage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a manifest says, for people and as JSON.
 *
 * <p>Thread safety: stateless.
 */
final class ManifestText {
  private static final int MAX_LAYERS = 20;

  private ManifestText() {}

  /** Adds what build and inspect both tell: signature, batching, precision. */
  static void describe(Manifest manifest, TextTable table) {
    for (TensorSpec input : manifest.signature().inputs()) {
      table.row("input", input.name() + "  " + Tensors.text(input.type(), input.shape()));
    }
    for (TensorSpec spec : manifest.signature().outputs()) {
      table.row("output", spec.name() + "  " + Tensors.text(spec.type(), spec.shape()));
    }
    for (Stage stage : manifest.stages()) {
      table.row(
          stage instanceof InputStage ? "input stage" : "output stage",
          stage.text() + "  " + describe(stage));
    }
    Manifest.Range rows = manifest.profile().rows();
    table.row(
        "batching",
        (manifest.batching().proven() ? "yes, up to " + rows.max() + " rows: " : "no: ")
            + manifest.batching().reason());
    for (Manifest.PadRule rule : manifest.padding().rules()) {
      table.row(
          "padding",
          rule.input()
              + " axis "
              + rule.axis()
              + " to "
              + rule.buckets()
              + " with "
              + rule.value()
              + (rule.mask() == null ? "" : ", mask " + rule.mask()));
    }
    Manifest.Precision precision = manifest.precision();
    table.row("precision", precision.overall() + ": " + precision.reason());
    int shown = 0;
    int alike = 0;
    for (Manifest.Layer layer : precision.layers()) {
      // People look for what is not as they asked; JSON has all.
      boolean asked = layer.precision().equals(precision.overall());
      if (!asked && shown++ < MAX_LAYERS) {
        table.row(
            "",
            layer.name() + " (" + layer.op() + ") " + layer.precision() + ": " + layer.reason());
      }
      alike += asked ? 1 : 0;
    }
    if (shown > MAX_LAYERS) {
      table.row("", "and " + (shown - MAX_LAYERS) + " more, which --json lists");
    }
    if (alike > 0) {
      table.row("", alike + " layers in " + precision.overall() + ", which --json lists");
    }
  }

  private static String describe(Stage stage) {
    String text =
        switch (stage) {
          case InputStage in ->
              "to "
                  + Tensors.name(in.type())
                  + Shape.of(Shape.DYNAMIC, in.channels(), in.height(), in.width());
          case OutputStage out -> "of " + out.columns() + " " + Tensors.name(out.type()) + " a row";
        };
    return "(" + text.replace("[-1,", "[N,") + ")";
  }

  /** Each stage with its kind, its tensor and its text. */
  static List<Map<String, Object>> stages(Manifest manifest) {
    List<Map<String, Object>> list = new ArrayList<>();
    for (Stage stage : manifest.stages()) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("kind", stage instanceof InputStage ? "input" : "output");
      object.put("tensor", stage.tensor());
      object.put("text", stage.text());
      list.add(object);
    }
    return list;
  }

  /**
   * How many golden samples run when the package is opened.
   *
   * @param whyNone null where it is not known, or there are some
   */
  static Map<String, Object> selfTest(Manifest manifest, String whyNone) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("samples", manifest.golden().size());
    object.put("reason", whyNone);
    return object;
  }

  static String selfTestText(Manifest manifest, String whyNone) {
    int samples = manifest.golden().size();
    if (samples == 0) {
      return "none when it is opened" + (whyNone == null ? "" : ": " + whyNone);
    }
    return samples + (samples == 1 ? " sample" : " samples") + " when it is opened";
  }

  static Map<String, Object> batching(Manifest.Batching batching) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("proven", batching.proven());
    object.put("reason", batching.reason());
    return object;
  }

  static Map<String, Object> precision(Manifest.Precision precision) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("overall", precision.overall());
    object.put("layers", precision.layers());
    object.put("reason", precision.reason());
    return object;
  }
}
