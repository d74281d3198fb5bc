package dev.sluice.converter.build;

import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.OutputComparison;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.precision.BarNotMetException;
import dev.sluice.converter.precision.Int8Conversion;
import dev.sluice.converter.precision.Loss;
import dev.sluice.converter.precision.PrecisionOptions;
import dev.sluice.converter.precision.SourceModel;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.Manifest.Range;
import dev.sluice.engine.format.PackageWriter;
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
      Int8Conversion.Result conversion,
      String noSelfTest,
      long sizeBytes,
      long durationNs) {}

  /**
   * Builds a package in INT8.
   *
   * @param sourceFile a package in FP32; files are made in its folder, and gone in the end
   * @param target where the package shall appear; replaced if it is there
   * @param options of the source
   * @param samples of what the model will see
   * @throws BarNotMetException where the bar can't be met; nothing is written then
   * @throws IOException where a sample or the source can't be read, or is unfit
   */
  public static Built int8(
      Path sourceFile,
      Path target,
      BuildOptions options,
      PrecisionOptions precision,
      CalibrationSource samples,
      Progress progress)
      throws IOException, BarNotMetException {
    try (SourceModel source = SourceModel.open(sourceFile, Manifest.CPU, options.customOps())) {
      Int8Conversion.Result result = new Int8Conversion(source, precision, samples, progress).run();
      progress.at("packing", 0, 1);
      return new PrecisionBuilder(source, options).write(target, precision, result);
    }
  }

  /**
   * Makes a package whose CPU graph does what TensorRT's graph of another does: 8-bit tensors are
   * rounded and clipped where it says so. Without a self-test, whose answers are another graph's.
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
      WeightLayout layout = WeightLayout.of(source.model(), location, source.data());
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
                  Map.of(Manifest.CPU, described(ModelBuilder.GRAPH_ENTRY, source.graph())),
                  BuiltManifest.weights(layout, location),
                  old.parameters(),
                  List.of(),
                  old.stages(),
                  old.padding(),
                  Map.of()));
    }
  }

  private Built write(Path target, PrecisionOptions precision, Int8Conversion.Result result)
      throws IOException {
    OnnxModel cpu = source.model().with(result.cpu().model());
    OnnxModel tensorRt = source.model().with(result.tensorRt().model());
    try (PackageWriter writer = PackageWriter.create(target)) {
      String location = writer.stagedFile().getFileName().toString();
      WeightLayout layout = WeightLayout.of(List.of(cpu, tensorRt), location, source.data());
      writer.weights(layout.pieces());
      MemorySegment cpuGraph = MemorySegment.ofArray(layout.graphs().getFirst().toByteArray());
      writer.entry(ModelBuilder.GRAPH_ENTRY, cpuGraph);
      writer.entry(TENSORRT_ENTRY, MemorySegment.ofArray(layout.graphs().getLast().toByteArray()));
      writer.entry(CALIBRATION_ENTRY, MemorySegment.ofArray(calibration(precision, result)));
      Checked checked = checked(cpu, cpuGraph, layout.sizeBytes(), writer);
      Manifest old = source.manifest();
      Map<String, Manifest.Graph> graphs = new LinkedHashMap<>();
      graphs.put(Manifest.CPU, described(ModelBuilder.GRAPH_ENTRY, result.cpu()));
      graphs.put(Manifest.TENSORRT, described(TENSORRT_ENTRY, result.tensorRt()));
      Manifest manifest =
          writer.finish(
              new Manifest(
                  old.formatVersion(),
                  options.producer(),
                  old.model(),
                  old.signature(),
                  checked.batching(),
                  new Manifest.Precision("int8", result.layers(), reason(result)),
                  old.profile(),
                  graphs,
                  BuiltManifest.weights(layout, location),
                  old.parameters(),
                  checked.golden().samples(),
                  old.stages(),
                  old.padding(),
                  Map.of()));
      return new Built(
          manifest,
          result,
          checked.golden().whyNone(),
          Files.size(target),
          System.nanoTime() - startNs);
    }
  }

  private static Manifest.Graph described(String entry, Graph graph) {
    return new Manifest.Graph(entry, graph.opset(), graph.nodes().size());
  }

  private static String reason(Int8Conversion.Result result) {
    long int8 = result.layers().stream().filter(l -> l.precision().equals("int8")).count();
    return int8
        + " of "
        + result.layers().size()
        + " layers in INT8, calibrated on "
        + result.calibrationSamples()
        + " samples; on "
        + result.holdoutSamples()
        + " others the CPU's graph has "
        + decibel(result.cpuLoss())
        + " and TensorRT's "
        + decibel(result.tensorRtLoss())
        + " of signal to noise against FP32; on this CPU "
        + result.cpuSpeed();
  }

  private static String decibel(Loss loss) {
    return loss.sqnrDb() >= Loss.MAX_DB
        ? "no noise"
        : String.format(Locale.ROOT, "%.1f dB", loss.sqnrDb());
  }

  /** What the finished graph for the CPU was found to do. */
  private record Checked(Manifest.Batching batching, GoldenSamples.Kept golden) {}

  private Checked checked(OnnxModel cpu, MemorySegment graph, long sizeBytes, PackageWriter writer)
      throws IOException {
    Path folder = writer.stagedFile().getParent().toRealPath();
    Map<String, List<Range>> shapes = new LinkedHashMap<>(source.manifest().profile().shapes());
    try (OrtSession session =
        ModelBuilder.open(
            graph,
            folder,
            options.customOps(),
            sizeBytes < ModelBuilder.COPY_MAX_BYTES,
            cpu.file().getFileName().toString())) {
      SampleRunner runner = new SampleRunner(session);
      SampleShapes sampleShapes = new SampleShapes(cpu.file(), cpu.inputs(), shapes);
      SampleSearch samples =
          SampleSearch.run(cpu, runner, sampleShapes, source.isBatched(), false, options.seed());
      double tolerance = RowComparison.tolerance("int8");
      Manifest.Batching batching = source.manifest().batching();
      if (batching.proven()) {
        BatchProof.Verdict verdict = new BatchProof(cpu, runner, samples, tolerance).run();
        batching = new Manifest.Batching(verdict.proven(), 0, verdict.reason());
      }
      return new Checked(
          batching, new GoldenSamples(source.stages(), runner, samples, tolerance).write(writer));
    }
  }

  private static byte[] calibration(PrecisionOptions precision, Int8Conversion.Result result) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("calibrator", precision.calibrator().text());
    object.put("samples", result.calibrationSamples());
    object.put("holdout", result.holdoutSamples());
    object.put("maxLoss", precision.maxLoss().toString());
    object.put("cpu", losses(result.cpuLoss()));
    object.put("tensorrt", losses(result.tensorRtLoss()));
    Map<String, Object> tensors = new LinkedHashMap<>();
    result
        .bounds()
        .forEach((name, bounds) -> tensors.put(name, List.of(bounds.low(), bounds.high())));
    object.put("tensors", tensors);
    return JsonMapper.builder()
        .build()
        .writerWithDefaultPrettyPrinter()
        .writeValueAsString(object)
        .getBytes(StandardCharsets.UTF_8);
  }

  private static Map<String, Object> losses(Loss loss) {
    Map<String, Object> outputs = new LinkedHashMap<>();
    for (OutputComparison output : loss.outputs()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("sqnrDb", Math.min(output.sqnrDb(), Loss.MAX_DB));
      one.put("top1Agreement", output.top1Agreement());
      outputs.put(output.name(), one);
    }
    return outputs;
  }
}
