package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.PrecisionBuilder;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.demo.DemoModel;
import dev.sluice.converter.load.LoadGenerator;
import dev.sluice.converter.load.LoadPlan;
import dev.sluice.converter.load.LoadReport;
import dev.sluice.converter.load.LoadSamples;
import dev.sluice.converter.precision.BarNotMetException;
import dev.sluice.converter.precision.PrecisionOptions;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The demonstration model in other precisions, beside what it is in FP32: size, accuracy, speed.
 * Ranges are learnt from the first held-out images; accuracy is that of the others.
 *
 * <p>Thread safety: one thread.
 */
final class DemoPrecisions {
  /** Images that ranges are learnt from. */
  private static final int CALIBRATION = 320;

  private final DemoModel demo;
  private final Path fp32;
  private final TensorSpec input;
  private final LoadSamples reference;
  private final Duration duration;
  private final List<Line> lines = new ArrayList<>();

  /**
   * One precision.
   *
   * @param name of it, and the graph where that is not the CPU's
   * @param sizeBytes of the package
   * @param samples that accuracy was measured on
   * @param correct of them
   * @param agreeing of them, whose best class is that of FP32
   * @param alone one caller; null where nothing served
   * @param loaded many callers; null where nothing served
   */
  private record Line(
      String name,
      long sizeBytes,
      int samples,
      int correct,
      int agreeing,
      LoadReport alone,
      LoadReport loaded) {}

  /**
   * What is compared.
   *
   * @param fp32 the package in FP32
   * @param engine that serves it
   * @param reference its answers to all images
   * @param duration of each load
   */
  DemoPrecisions(
      DemoModel demo, Path fp32, Engine engine, LoadSamples reference, Duration duration) {
    this.demo = demo;
    this.fp32 = fp32;
    this.input = engine.signature().inputs().getFirst();
    this.reference = reference;
    this.duration = duration;
  }

  /** The first images, as samples of what the model will see. */
  private record Images(DemoModel demo, TensorSpec input) implements CalibrationSource {
    @Override
    public int count() {
      return CALIBRATION;
    }

    @Override
    public Map<String, NpyArray> sample(int index) {
      Shape row = input.shape().withDim(0, 1);
      return Map.of(input.name(), new NpyArray(ElementType.FLOAT, row, demo.image(index)));
    }
  }

  /** Adds FP32, which was measured already. */
  void addFp32(LoadReport alone, LoadReport loaded) throws IOException {
    lines.add(line("fp32", Files.size(fp32), reference, alone, loaded));
  }

  /**
   * Builds and measures another precision.
   *
   * @param callers of the load
   * @throws BelowBarException where it can't be had within the default bar
   */
  void add(String precision, int callers)
      throws IOException, BackendException, BelowBarException, InterruptedException {
    Path made = fp32.resolveSibling(precision + ".sluice");
    try {
      var _ =
          PrecisionBuilder.build(
              fp32,
              made,
              precision,
              BuildOptions.defaults(),
              PrecisionOptions.defaults(),
              new Images(demo, input),
              null,
              Progress.NONE);
    } catch (BarNotMetException e) {
      throw new BelowBarException(e.getMessage());
    }
    if (precision.equals("int8")) {
      try (Engine engine = Engine.open(made, EngineOptions.defaults())) {
        LoadSamples answers = DemoCommand.samples(engine, demo, manifest(made));
        Duration warmUp = duration.dividedBy(2);
        LoadReport alone = LoadGenerator.run(engine, answers, LoadPlan.closed(1, warmUp, duration));
        LoadReport loaded =
            LoadGenerator.run(engine, answers, LoadPlan.closed(callers, warmUp, duration));
        lines.add(line("int8", Files.size(made), answers, alone, loaded));
      }
      return;
    }
    Path emulated = fp32.resolveSibling("emulated.sluice");
    PrecisionBuilder.emulate(made, emulated, List.of());
    try (Engine engine = Engine.open(emulated, EngineOptions.defaults())) {
      LoadSamples answers = DemoCommand.samples(engine, demo, manifest(emulated));
      lines.add(line(precision + " tensorrt", Files.size(made), answers, null, null));
    }
  }

  private static Manifest manifest(Path packageFile) throws IOException {
    try (SluicePackage opened = PackageReader.open(packageFile)) {
      return opened.manifest();
    }
  }

  private Line line(
      String name, long sizeBytes, LoadSamples answers, LoadReport alone, LoadReport loaded) {
    int correct = 0;
    int agreeing = 0;
    for (int i = CALIBRATION; i < demo.count(); i++) {
      correct += demo.isCorrect(i, answers.answer(i, 0)) ? 1 : 0;
      boolean agrees =
          DemoModel.best(answers.answer(i, 0)) == DemoModel.best(reference.answer(i, 0));
      agreeing += agrees ? 1 : 0;
    }
    return new Line(name, sizeBytes, demo.count() - CALIBRATION, correct, agreeing, alone, loaded);
  }

  /** One object for each precision. */
  List<Map<String, Object>> json() {
    List<Map<String, Object>> list = new ArrayList<>();
    for (Line line : lines) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("precision", line.name());
      object.put("bytes", line.sizeBytes());
      object.put("samples", line.samples());
      object.put("correct", line.correct());
      object.put("percent", 100.0 * line.correct() / line.samples());
      object.put("agreement", (double) line.agreeing() / line.samples());
      object.put("alonePerS", line.alone() == null ? null : line.alone().throughputPerS());
      object.put("loadedPerS", line.loaded() == null ? null : line.loaded().throughputPerS());
      list.add(object);
    }
    return list;
  }

  /** One line for each precision. */
  void text(PrintWriter out, int callers) {
    TextTable table = new TextTable();
    table.row(
        "precision",
        "size",
        "accuracy",
        "as fp32",
        "rows/s, 1 caller",
        "rows/s, " + callers + " callers");
    for (Line line : lines) {
      table.row(
          line.name(),
          InspectCommand.bytes(line.sizeBytes()),
          String.format(Locale.ROOT, "%.2f %%", 100.0 * line.correct() / line.samples()),
          String.format(Locale.ROOT, "%.2f %%", 100.0 * line.agreeing() / line.samples()),
          rate(line.alone()),
          rate(line.loaded()));
    }
    table.print(out);
  }

  private static String rate(LoadReport report) {
    return report == null ? "-" : DemoCommand.rate(report);
  }
}
