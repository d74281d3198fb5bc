package dev.sluice.converter.cli;

import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.BuildResult;
import dev.sluice.converter.build.ModelBuilder;
import dev.sluice.converter.demo.DemoModel;
import dev.sluice.converter.load.LoadGenerator;
import dev.sluice.converter.load.LoadPlan;
import dev.sluice.converter.load.LoadReport;
import dev.sluice.converter.load.LoadSamples;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * {@code sluice demo}: the whole way on the model that ships with the project.
 *
 * <p>Thread safety: one thread.
 */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    description = {
      "Builds the model that ships with Sluice, and shows accuracy and speed.",
      "",
      "The model reads hexadecimal digits; it was trained by the project from a seed. The accuracy on"
          + " held-out images must be what its card says, or the exit status is 3."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  sluice demo", "  sluice demo --json"})
final class DemoCommand implements Callable<Integer> {
  private static final int CALLERS = 64;

  /** Answers may differ from the trainer's in the last bits: this part of them may flip. */
  private static final double FLIPPED = 0.001;

  @Mixin private Output output;

  @Override
  public Integer call()
      throws IOException,
          BackendException,
          BelowBarException,
          RunFailedException,
          InterruptedException {
    // For tests: the scenario is the same, whatever the time.
    double scale = Double.parseDouble(System.getProperty("sluice.demo.seconds", "5"));
    try (Scratch scratch = new Scratch("sluice-demo-")) {
      run(scratch.folder(), Duration.ofNanos((long) (scale * 1e9)));
    }
    return 0;
  }

  private void run(Path folder, Duration duration)
      throws IOException,
          BackendException,
          BelowBarException,
          RunFailedException,
          InterruptedException {
    DemoModel demo = DemoModel.unpack(folder);
    output.progress("building the package …");
    BuildResult built =
        ModelBuilder.build(demo.model(), folder.resolve("demo.sluice"), BuildOptions.defaults());
    output.progress("opening it, and finding out how it runs best on this machine …");
    try (Engine engine = Engine.open(built.packageFile(), EngineOptions.defaults())) {
      output.progress("asking for " + demo.count() + " held-out images …");
      LoadSamples samples = samples(engine, demo, built.manifest());
      int correct = 0;
      for (int i = 0; i < samples.count(); i++) {
        correct += demo.isCorrect(i, samples.answer(i, 0)) ? 1 : 0;
      }
      Duration warmUp = duration.dividedBy(2);
      output.progress("one caller …");
      LoadReport alone = LoadGenerator.run(engine, samples, LoadPlan.closed(1, warmUp, duration));
      output.progress(CALLERS + " callers …");
      LoadReport loaded =
          LoadGenerator.run(engine, samples, LoadPlan.closed(CALLERS, warmUp, duration));
      DemoPrecisions precisions =
          new DemoPrecisions(demo, built.packageFile(), engine, samples, duration.dividedBy(2));
      precisions.addFp32(alone, loaded);
      for (String precision : List.of("fp16", "int8")) {
        output.progress("in " + precision + " …");
        precisions.add(precision, CALLERS);
      }
      Result result = new Result(demo, built, correct, engine, alone, loaded, precisions);
      output.print(json(result), out -> text(result, out));
      check(result);
    }
  }

  /** What is shown. */
  private record Result(
      DemoModel demo,
      BuildResult built,
      int correct,
      Engine engine,
      LoadReport alone,
      LoadReport loaded,
      DemoPrecisions precisions) {
    double accuracyPercent() {
      return 100.0 * correct / demo.count();
    }
  }

  /** The answers of an engine to all images. */
  static LoadSamples samples(Engine engine, DemoModel demo, Manifest manifest)
      throws BackendException, InterruptedException {
    List<MemorySegment[]> inputs = new ArrayList<>();
    for (int i = 0; i < demo.count(); i++) {
      inputs.add(new MemorySegment[] {demo.image(i)});
    }
    Shape row = engine.signature().inputs().getFirst().shape().withDim(0, 1);
    return LoadSamples.answered(
        engine,
        List.of(row),
        1,
        inputs,
        LoadSamples.Tolerance.of(manifest),
        Duration.ofMinutes(10));
  }

  private static void check(Result result) throws BelowBarException, RunFailedException {
    long errors = result.alone().errors() + result.loaded().errors();
    if (errors > 0) {
      String first =
          result.alone().firstError() == null
              ? result.loaded().firstError()
              : result.alone().firstError();
      throw new RunFailedException(
          errors
              + " requests failed; the first: "
              + first
              + "; 'sluice doctor' tells what this machine lacks");
    }
    int expected = result.demo().expectedCorrect();
    if (Math.abs(result.correct() - expected) > FLIPPED * result.demo().count()) {
      throw new BelowBarException(
          result.correct()
              + " held-out images are right, the model's card says "
              + expected
              + ": this machine computes something else than others; report it, with what 'sluice"
              + " doctor' prints");
    }
  }

  private static Map<String, Object> json(Result result) {
    Map<String, Object> accuracy = new LinkedHashMap<>();
    accuracy.put("samples", result.demo().count());
    accuracy.put("correct", result.correct());
    accuracy.put("percent", result.accuracyPercent());
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model", result.demo().description());
    object.put("parameters", result.built().manifest().parameters());
    object.put("bytes", result.built().sizeBytes());
    object.put("buildSeconds", result.built().durationNs() / 1e9);
    object.put("batching", ManifestText.batching(result.built().manifest().batching()));
    object.put("accuracy", accuracy);
    object.put("alone", BenchCommand.json(result.engine(), result.alone()));
    object.put("loaded", BenchCommand.json(result.engine(), result.loaded()));
    object.put("precisions", result.precisions().json());
    return object;
  }

  private static void text(Result result, PrintWriter out) {
    LoadReport alone = result.alone();
    LoadReport loaded = result.loaded();
    long parameters = result.built().manifest().parameters();
    new TextTable()
        .row("model", result.demo().description())
        .row(
            "package",
            String.format(
                Locale.ROOT,
                "%,d parameters, %s, built in %.1f s",
                parameters,
                InspectCommand.bytes(result.built().sizeBytes()),
                result.built().durationNs() / 1e9))
        .row(
            "accuracy",
            String.format(
                Locale.ROOT,
                "%.2f %% (%,d of %,d held-out images)",
                result.accuracyPercent(),
                result.correct(),
                result.demo().count()))
        .row("serves on", serving(result.engine()))
        .print(out);
    out.println();
    new TextTable()
        .row("", "1 caller", CALLERS + " callers")
        .row("rows/s", rate(alone), rate(loaded))
        .row(
            "latency p50",
            BenchCommand.latency(alone.latencyUs().p50()),
            BenchCommand.latency(loaded.latencyUs().p50()))
        .row(
            "latency p99",
            BenchCommand.latency(alone.latencyUs().p99()),
            BenchCommand.latency(loaded.latencyUs().p99()))
        .row("mean batch", batch(alone), batch(loaded))
        .row("heap per request", heap(alone), heap(loaded))
        .row("wrong answers", "" + alone.errors(), "" + loaded.errors())
        .print(out);
    out.println();
    result.precisions().text(out, CALLERS);
  }

  private static String serving(Engine engine) {
    String batches =
        engine.maxBatch() > 1
            ? "batches of up to " + engine.maxBatch() + " rows"
            : "one row at a time (as measured on this machine, batches would not be faster)";
    int solo = engine.tuning() == null ? 0 : engine.tuning().soloBuffers();
    String alone = solo > 0 ? ", buffers for " + solo + " callers alone" : "";
    return engine.device() + ", " + batches + ", lanes " + engine.lanes() + alone;
  }

  static String rate(LoadReport report) {
    return String.format(Locale.ROOT, "%,.0f", report.throughputPerS());
  }

  private static String batch(LoadReport report) {
    return String.format(Locale.ROOT, "%.1f", report.meanBatch());
  }

  private static String heap(LoadReport report) {
    return String.format(
        Locale.ROOT, "%.1f bytes", report.allocatedBytesPerInference().orElse(Double.NaN));
  }
}
