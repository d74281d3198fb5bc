package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.precision.AccuracyReport;
import dev.sluice.converter.precision.BarNotMetException;
import dev.sluice.converter.precision.Conversion;
import dev.sluice.converter.precision.HalfConversion;
import dev.sluice.converter.precision.HalfEmulation;
import dev.sluice.converter.precision.Int8Conversion;
import dev.sluice.converter.precision.Loss;
import dev.sluice.converter.precision.PrecisionOptions;
import dev.sluice.converter.precision.SourceModel;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.Manifest.Range;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/**
 * Makes a package of another precision of one in FP32: the graph of each backend over weights that
 * they share, with what the precision costs.
 *
 * <p>Thread safety: used by one thread.
 */
public final class PrecisionBuilder {
  /** Where a package says what its ranges were learnt from. */
  static final String CALIBRATION_ENTRY = "calibration.json";

  static final String TENSORRT_ENTRY = "graphs/tensorrt.onnx";

  private final SourceModel source;
  private final BuildOptions options;
  private final long startNs = System.nanoTime();

  private PrecisionBuilder(SourceModel source, BuildOptions options) {
    this.source = source;
    this.options = options;
  }

  /**
   * What was made.
   *
   * @param manifest of the package
   * @param conversion what the conversion found
   * @param noSelfTest why nothing is run when the package is opened; null where golden samples are
   * @param sizeBytes of the package
   * @param durationNs how long it took
   */
  public record Built(
      Manifest manifest,
      Conversion conversion,
      String noSelfTest,
      long sizeBytes,
      long durationNs) {}

  /**
   * Builds a package in another precision.
   *
   * @param sourceFile a package in FP32; files are made in its folder, and gone in the end
   * @param target where the package shall appear; replaced if it is there
   * @param wanted {@code int8}, {@code fp16} or {@code bf16}
   * @param options of the source
   * @param samples of what the model will see
   * @param report a folder for a page about the accuracy; null for none
   * @throws BarNotMetException where the bar can't be met; nothing is written then
   * @throws IllegalArgumentException where the precision is another one
   * @throws IOException where a sample or the source can't be read, or is unfit
   */
  public static Built build(
      Path sourceFile,
      Path target,
      String wanted,
      BuildOptions options,
      PrecisionOptions precision,
      CalibrationSource samples,
      Path report,
      Progress progress)
      throws IOException, BarNotMetException {
    try (SourceModel source = SourceModel.open(sourceFile, Manifest.CPU, options.customOps())) {
      LowEdges edges = edges(source, wanted, precision);
      Int8Conversion int8 = new Int8Conversion(source, precision, samples, progress);
      Conversion conversion =
          switch (wanted) {
            case "int8" -> int8.run();
            case "fp16" -> half(source, ElementType.FLOAT16, precision, samples, progress);
            case "bf16" -> half(source, ElementType.BFLOAT16, precision, samples, progress);
            default -> throw new IllegalArgumentException("there is no precision " + wanted);
          };
      progress.at("packing", 0, 1);
      PrecisionBuilder builder = new PrecisionBuilder(source, options);
      Built built = builder.write(target, precision, conversion, edges);
      if (report != null) {
        AccuracyReport.write(
            source,
            conversion,
            precision,
            conversion.precision().equals("int8") ? int8.weights() : List.of(),
            built.sizeBytes(),
            options.producer(),
            report);
      }
      return built;
    }
  }

  /** What callers see of the package. */
  private static LowEdges edges(SourceModel source, String wanted, PrecisionOptions precision)
      throws ModelException {
    Manifest manifest = source.manifest();
    if (!precision.lowIo()) {
      return new LowEdges(manifest.signature(), manifest.stages());
    }
    try {
      return LowEdges.of(
          manifest, wanted.equals("bf16") ? ElementType.BFLOAT16 : ElementType.FLOAT16);
    } catch (IllegalArgumentException e) {
      throw new ModelException(
          source.opened().file().getFileName(),
          e.getMessage() + ", or leave out --io-types low",
          e);
    }
  }

  private static Conversion half(
      SourceModel source,
      ElementType type,
      PrecisionOptions precision,
      CalibrationSource samples,
      Progress progress)
      throws IOException, BarNotMetException {
    return new HalfConversion(source, type, precision, samples, progress).run();
  }

  /**
   * Makes a package whose CPU graph does what TensorRT's graph of another does: values are rounded
   * and clipped where it says so. Without a self-test, whose answers are another graph's.
   *
   * @param sourceFile a package
   * @param target where the package shall appear
   * @param customOps libraries of operators that its graph needs
   * @throws IOException where the source can't be read
   */
  public static void emulate(Path sourceFile, Path target, List<Path> customOps)
      throws IOException {
    try (SourceModel source = SourceModel.open(sourceFile, Manifest.TENSORRT, customOps);
        PackageWriter writer = PackageWriter.create(target)) {
      String location = writer.stagedFile().getFileName().toString();
      Graph emulated = HalfEmulation.of(source.graph(), source.newWeights());
      OnnxModel model = source.model().with(emulated.model());
      WeightLayout layout = WeightLayout.of(model, location, source.data());
      writer.weights(layout.pieces());
      writer.entry(ModelBuilder.GRAPH_ENTRY, MemorySegment.ofArray(layout.graph().toByteArray()));
      Manifest old = source.manifest();
      var _ =
          writer.finish(
              new Manifest(
                  old.formatVersion(),
                  old.producer(),
                  old.model(),
                  old.signature(),
                  old.batching(),
                  old.precision(),
                  old.profile(),
                  Map.of(Manifest.CPU, described(ModelBuilder.GRAPH_ENTRY, emulated)),
                  BuiltManifest.weights(layout, location),
                  old.parameters(),
                  List.of(),
                  old.stages(),
                  old.padding(),
                  Map.of()));
    }
  }

  private Built write(
      Path target, PrecisionOptions precision, Conversion conversion, LowEdges edges)
      throws IOException {
    OnnxModel cpu = source.model().with(conversion.cpu().model());
    OnnxModel tensorRt = source.model().with(conversion.tensorRt().model());
    try (PackageWriter writer = PackageWriter.create(target)) {
      String location = writer.stagedFile().getFileName().toString();
      WeightLayout layout = WeightLayout.of(List.of(cpu, tensorRt), location, source.data());
      writer.weights(layout.pieces());
      MemorySegment cpuGraph = MemorySegment.ofArray(layout.graphs().getFirst().toByteArray());
      writer.entry(ModelBuilder.GRAPH_ENTRY, cpuGraph);
      writer.entry(TENSORRT_ENTRY, MemorySegment.ofArray(layout.graphs().getLast().toByteArray()));
      writer.entry(CALIBRATION_ENTRY, MemorySegment.ofArray(calibration(precision, conversion)));
      boolean isFp32 = conversion.cpu() == source.graph();
      Checked checked =
          isFp32 && !source.isRaised()
              ? copied(writer)
              : checked(
                  cpu,
                  cpuGraph,
                  layout.sizeBytes(),
                  RowComparison.tolerance(isFp32 ? "fp32" : conversion.precision()),
                  StagePlan.ofServed(edges.signature(), source.isBatched(), edges.stages()),
                  writer);
      Manifest old = source.manifest();
      Map<String, Manifest.Graph> graphs = new LinkedHashMap<>();
      graphs.put(Manifest.CPU, described(ModelBuilder.GRAPH_ENTRY, conversion.cpu()));
      graphs.put(Manifest.TENSORRT, described(TENSORRT_ENTRY, conversion.tensorRt()));
      Manifest manifest =
          writer.finish(
              new Manifest(
                  old.formatVersion(),
                  options.producer(),
                  old.model(),
                  edges.signature(),
                  checked.batching(),
                  new Manifest.Precision(
                      conversion.precision(), conversion.layers(), reason(conversion)),
                  profile(old, checked.batching()),
                  graphs,
                  BuiltManifest.weights(layout, location),
                  old.parameters(),
                  checked.golden().samples(),
                  edges.stages(),
                  old.padding(),
                  Map.of()));
      return new Built(
          manifest,
          conversion,
          checked.golden().whyNone(),
          Files.size(target),
          System.nanoTime() - startNs);
    }
  }

  /** The shapes of the source; rows that turned out to depend on each other do not share a run. */
  private static Manifest.Profile profile(Manifest old, Manifest.Batching batching) {
    return batching.proven()
        ? old.profile()
        : new Manifest.Profile(new Range(1, 1, 1), old.profile().shapes());
  }

  private static Manifest.Graph described(String entry, Graph graph) {
    return new Manifest.Graph(entry, graph.opset(), graph.nodes().size());
  }

  private static String reason(Conversion conversion) {
    long low =
        conversion.layers().stream()
            .filter(layer -> layer.precision().equals(conversion.precision()))
            .count();
    String name = conversion.precision().toUpperCase(Locale.ROOT);
    return low
        + " of "
        + conversion.layers().size()
        + " layers in "
        + name
        + ", by "
        + conversion.calibrationSamples()
        + " samples; on "
        + conversion.holdoutSamples()
        + " others the CPU's graph has "
        + decibel(conversion.cpuLoss())
        + " and TensorRT's "
        + decibel(conversion.tensorRtLoss())
        + " of signal to noise against FP32; the CPU's is in "
        + conversion.cpuNote();
  }

  private static String decibel(Loss loss) {
    return loss.sqnrDb() >= Loss.MAX_DB
        ? "no noise"
        : String.format(
            Locale.ROOT, "%.1f dB (at least %.1f dB elsewhere)", loss.sqnrDb(), loss.sqnrLowDb());
  }

  /** What the finished graph for the CPU was found to do. */
  private record Checked(Manifest.Batching batching, GoldenSamples.Kept golden) {}

  /** The graph is the source's, and so is what was shown of it. */
  private Checked copied(PackageWriter writer) throws IOException {
    Manifest old = source.manifest();
    for (Manifest.GoldenSample sample : old.golden()) {
      for (String entry : sample.inputs().values()) {
        writer.entry(entry, source.opened().entry(entry));
      }
      for (String entry : sample.outputs().values()) {
        writer.entry(entry, source.opened().entry(entry));
      }
    }
    String whyNone = old.golden().isEmpty() ? "the model in FP32 has none" : null;
    return new Checked(old.batching(), new GoldenSamples.Kept(old.golden(), whyNone));
  }

  private Checked checked(
      OnnxModel cpu,
      MemorySegment graph,
      long sizeBytes,
      double tolerance,
      StagePlan stages,
      PackageWriter writer)
      throws IOException {
    Path folder = writer.stagedFile().getParent().toRealPath();
    Map<String, List<Range>> shapes = new LinkedHashMap<>(source.manifest().profile().shapes());
    try (OrtSession session =
        ModelBuilder.open(
            graph,
            folder,
            options.customOps(),
            sizeBytes < SourceModel.COPY_MAX_BYTES,
            OrtSessionOptions.NO_OWN_QUANTIZATION,
            cpu.file().getFileName().toString())) {
      SampleRunner runner = new SampleRunner(session);
      SampleShapes sampleShapes = new SampleShapes(cpu.file(), cpu.inputs(), shapes);
      SampleSearch samples =
          SampleSearch.run(cpu, runner, sampleShapes, source.isBatched(), false, options.seed());
      Manifest.Batching batching = source.manifest().batching();
      if (batching.proven()) {
        BatchProof.Verdict verdict = new BatchProof(cpu, runner, samples, tolerance).run();
        batching = new Manifest.Batching(verdict.proven(), 0, verdict.reason());
      }
      List<Manifest.PadRule> pads = source.manifest().padding().rules();
      if (!pads.isEmpty() && !batching.proven()) {
        throw new ModelException(
            cpu.file().getFileName(),
            "padding lets requests share batches, but in this precision rows of the CPU's graph"
                + " can't: "
                + batching.reason()
                + "; keep it in FP32 with --cpu-graph fp32");
      }
      if (!pads.isEmpty()) {
        var _ = new PaddingProof(cpu, runner, samples, pads, tolerance).run();
      }
      return new Checked(
          batching, new GoldenSamples(stages, runner, samples, tolerance).write(writer));
    }
  }

  private static byte[] calibration(PrecisionOptions precision, Conversion conversion) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("calibrator", conversion.calibrator());
    object.put("samples", conversion.calibrationSamples());
    object.put("holdout", conversion.holdoutSamples());
    object.put("maxLoss", precision.maxLoss().toString());
    object.put("cpu", conversion.cpuLoss().figures());
    object.put("tensorrt", conversion.tensorRtLoss().figures());
    Map<String, Object> tensors = new LinkedHashMap<>();
    conversion
        .bounds()
        .forEach((name, bounds) -> tensors.put(name, List.of(bounds.low(), bounds.high())));
    object.put("tensors", tensors);
    return JsonMapper.builder()
        .build()
        .writerWithDefaultPrettyPrinter()
        .writeValueAsString(object)
        .getBytes(StandardCharsets.UTF_8);
  }
}
