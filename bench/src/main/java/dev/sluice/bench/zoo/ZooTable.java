package dev.sluice.bench.zoo;

import dev.sluice.bench.models.PackageFolder;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.ModelBuilder;
import dev.sluice.converter.build.PrecisionBuilder;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Calibrator;
import dev.sluice.converter.calibrate.OutputComparison;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.precision.BarNotMetException;
import dev.sluice.converter.precision.Conversion;
import dev.sluice.converter.precision.Loss;
import dev.sluice.converter.precision.PrecisionOptions;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine;

/**
 * Tells what each precision costs the models of the zoo, on samples that neither training nor
 * calibration saw: both graphs of each package, the one for TensorRT emulated on the CPU.
 *
 * <p>Not thread-safe.
 */
@Command(
    name = "zoo-table",
    mixinStandardHelpOptions = true,
    description =
        "Measures accuracy, agreement, SQNR, size and speed of the zoo in each precision.")
public final class ZooTable implements Callable<Integer> {
  private static final int CALIBRATION_SAMPLES = 500;
  private static final int ROWS = 64;

  private static final String LINE = "%-12s %-8s %-10s %-10s %9s %9s %8s %8s %8s %9s %7s%n";

  private final PrintStream out;

  @Option(
      names = "--calibrators",
      description = "Add a line for each way to pick ranges, beside the default one.")
  private boolean calibrators;

  @Option(
      names = "--models",
      paramLabel = "NAME",
      split = ",",
      description = "Of the zoo (default: all).")
  private List<ZooModel> models = List.of(ZooModel.values());

  @Option(
      names = "--cpu-graph",
      paramLabel = "PRECISION",
      description = "Of INT8 packages, as 'sluice build' takes it (default: ${DEFAULT-VALUE}).")
  private PrecisionOptions.CpuGraph cpuGraph = PrecisionOptions.CpuGraph.AUTO;

  ZooTable(PrintStream out) {
    this.out = out;
  }

  /** Runs the program; {@code --help} says how. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new ZooTable(System.out))
            .setCaseInsensitiveEnumValuesAllowed(true)
            .execute(arguments));
  }

  /** The scores of a model's package for all samples. */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares or changes it
  private record Scores(float[] all, int classes) {
    double accuracyPercent(int[] labels) {
      int correct = 0;
      for (int row = 0; row < labels.length; row++) {
        int best = 0;
        for (int i = 1; i < classes; i++) {
          best = all[row * classes + i] > all[row * classes + best] ? i : best;
        }
        correct += best == labels[row] ? 1 : 0;
      }
      return 100.0 * correct / labels.length;
    }

    OutputComparison against(Scores reference) {
      OutputComparison comparison = new OutputComparison("logits");
      comparison.add(
          ElementType.FLOAT,
          Shape.of(all.length / classes, classes),
          bytes(all),
          bytes(reference.all));
      return comparison;
    }

    private static MemorySegment bytes(float[] values) {
      MemorySegment segment = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
      segment.copyFrom(MemorySegment.ofArray(values));
      return segment;
    }
  }

  /** Rows of samples, each a sample. */
  private record Rows(Samples samples) implements CalibrationSource {
    @Override
    public int count() {
      return samples.labels().length;
    }

    @Override
    public Map<String, NpyArray> sample(int index) {
      Shape row = row(samples);
      long sizeBytes = samples.type().byteSize(row.elementCount());
      MemorySegment data = samples.data().asSlice(index * sizeBytes, sizeBytes);
      return Map.of(samples.input(), new NpyArray(samples.type(), row, data));
    }

    private static Shape row(Samples samples) {
      long[] dims = new long[samples.rowShape().length + 1];
      dims[0] = 1;
      System.arraycopy(samples.rowShape(), 0, dims, 1, samples.rowShape().length);
      return Shape.of(dims);
    }
  }

  @Override
  public Integer call()
      throws IOException, BackendException, BarNotMetException, InterruptedException {
    out.printf(
        LINE,
        "model",
        "precision",
        "calibrator",
        "graph",
        "accuracy%",
        "agreement",
        "promised",
        "SQNR dB",
        "promised",
        "bytes",
        "speedup");
    try (PackageFolder folder = new PackageFolder()) {
      for (ZooModel model : models) {
        measure(model, Files.createDirectories(folder.path().resolve(model.name())));
      }
    }
    return 0;
  }

  private void measure(ZooModel model, Path folder)
      throws IOException, BackendException, BarNotMetException, InterruptedException {
    Path onnx = Files.write(folder.resolve("model.onnx"), model.onnx());
    Path fp32 = folder.resolve("model.sluice");
    var _ = ModelBuilder.build(onnx, fp32, BuildOptions.defaults());
    Samples heldOut = model.heldOut();
    Scores reference = scores(fp32, heldOut);
    line(model, "fp32", "-", "cpu", reference, reference, heldOut, Files.size(fp32), null, null);
    PrecisionOptions plain = PrecisionOptions.defaults();
    PrecisionOptions defaults =
        new PrecisionOptions(plain.calibrator(), plain.maxLoss(), plain.excluded(), cpuGraph);
    measure(model, fp32, "int8", defaults, reference, heldOut);
    for (Calibrator calibrator : calibrators ? Calibrator.values() : new Calibrator[0]) {
      if (calibrator != defaults.calibrator()) {
        measure(
            model,
            fp32,
            "int8",
            new PrecisionOptions(calibrator, defaults.maxLoss(), defaults.excluded(), cpuGraph),
            reference,
            heldOut);
      }
    }
    measure(model, fp32, "fp16", defaults, reference, heldOut);
    measure(model, fp32, "bf16", defaults, reference, heldOut);
  }

  private void measure(
      ZooModel model,
      Path fp32,
      String precision,
      PrecisionOptions options,
      Scores reference,
      Samples heldOut)
      throws IOException, BackendException, BarNotMetException, InterruptedException {
    Path made = fp32.resolveSibling("made.sluice");
    Path emulated = fp32.resolveSibling("emulated.sluice");
    PrecisionBuilder.Built built =
        PrecisionBuilder.build(
            fp32,
            made,
            precision,
            BuildOptions.defaults(),
            options,
            new Rows(model.calibration(CALIBRATION_SAMPLES)),
            null,
            Progress.NONE);
    PrecisionBuilder.emulate(made, emulated, List.of());
    Conversion conversion = built.conversion();
    String calibrator = conversion.calibrator() == null ? "-" : conversion.calibrator();
    Double speedup = conversion.times() == null ? null : conversion.times().speedup();
    long bytes = built.sizeBytes();
    Scores cpu = scores(made, heldOut);
    Scores tensorRt = scores(emulated, heldOut);
    Loss onCpu = conversion.cpuLoss();
    Loss onGpu = conversion.tensorRtLoss();
    line(model, precision, calibrator, "cpu", cpu, reference, heldOut, bytes, onCpu, speedup);
    line(
        model, precision, calibrator, "tensorrt", tensorRt, reference, heldOut, bytes, onGpu, null);
  }

  private void line(
      ZooModel model,
      String precision,
      String calibrator,
      String graph,
      Scores scores,
      Scores reference,
      Samples heldOut,
      long bytes,
      Loss promised,
      Double speedup) {
    OutputComparison comparison = scores.against(reference);
    out.printf(
        LINE,
        model.name().toLowerCase(Locale.ROOT),
        precision,
        calibrator,
        graph,
        String.format(Locale.ROOT, "%.2f", scores.accuracyPercent(heldOut.labels())),
        String.format(Locale.ROOT, "%.4f", comparison.top1Agreement()),
        promised == null ? "-" : String.format(Locale.ROOT, "%.4f", 1 - promised.changedAtMost()),
        decibel(comparison.sqnrDb()),
        promised == null ? "-" : decibel(promised.sqnrLowDb()),
        bytes,
        speedup == null ? "-" : String.format(Locale.ROOT, "%.2fx", speedup));
  }

  private static String decibel(double value) {
    return value >= Loss.MAX_DB ? "-" : String.format(Locale.ROOT, "%.1f", value);
  }

  /** What a package answers to all samples. */
  private static Scores scores(Path packageFile, Samples samples)
      throws IOException, BackendException, InterruptedException {
    int count = samples.labels().length;
    long rowBytes = samples.data().byteSize() / count;
    EngineOptions options = EngineOptions.builder().lanes(1).maxBatch(ROWS).build();
    try (Engine engine = Engine.open(packageFile, options)) {
      int classes = Math.toIntExact(engine.signature().outputs().getFirst().shape().dim(1));
      float[] scores = new float[count * classes];
      for (int from = 0; from < count; from += ROWS) {
        int first = from;
        int rows = Math.min(ROWS, count - from);
        engine.call(
            rows,
            in ->
                MemorySegment.copy(
                    samples.data(), first * rowBytes, in.input(0), 0, rows * rowBytes),
            answers -> {
              MemorySegment.copy(
                  answers.output(0),
                  ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
                  0,
                  scores,
                  first * classes,
                  rows * classes);
              return null;
            });
      }
      return new Scores(scores, classes);
    }
  }
}
