package dev.sluice.converter.build;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.Manifest.Range;
import dev.sluice.engine.format.PackageWriter;
import dev.sluice.engine.stage.Stage;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Builds a package of an ONNX model, in the precision that the model has.
 *
 * <p>The session that runs all trials is made over just the weights and the graph that were written
 * by then, so what was tried is what is shipped.
 *
 * <p>Thread safety: stateless.
 */
public final class ModelBuilder {
  private static final String GRAPH_ENTRY = "graphs/cpu.onnx";

  private ModelBuilder() {}

  /**
   * Builds a package.
   *
   * @param modelFile an ONNX model; its external data lies in its folder
   * @param packageFile where the package shall appear; replaced if it is there
   * @throws ModelException when the model can't be read, does not run, or does not fit the options
   * @throws IOException when a file can't be read or written, or this thread was interrupted;
   *     nothing is left behind then
   */
  public static BuildResult build(Path modelFile, Path packageFile, BuildOptions options)
      throws IOException {
    long startNs = System.nanoTime();
    if (Files.exists(modelFile)
        && Files.exists(packageFile)
        && Files.isSameFile(modelFile, packageFile)) {
      throw new ModelException(modelFile, "the package would replace the model; name another file");
    }
    OnnxModel read = ModelReader.read(modelFile);
    ModelStages stages = ModelStages.of(read, options);
    // The engine tells inputs without a rank from scalars by nothing.
    Map<String, Integer> ranks = new LinkedHashMap<>();
    options.shapes().forEach((input, dims) -> ranks.put(input, dims.size()));
    OnnxModel model = read.withInputRanks(ranks);
    SampleShapes shapes =
        new SampleShapes(modelFile, model.inputs(), stages.shapes(options.shapes()));
    Packed packed;
    try (Arena arena = Arena.ofConfined();
        PackageWriter writer = PackageWriter.create(packageFile)) {
      try {
        packed = pack(model, new TensorData(modelFile, arena), shapes, stages, options, writer);
      } catch (UncheckedIOException e) {
        throw e.getCause();
      } catch (ArithmeticException | OutOfMemoryError e) {
        throw new ModelException(
            modelFile,
            "the tensors of a trial run are too large for the Java heap or for 2 GiB each; give"
                + (options.inputStages().isEmpty()
                    ? " smaller shapes with --shape"
                    : " the input stage a smaller max= or size=")
                + ", or more heap with -Xmx",
            e);
      }
    }
    return new BuildResult(
        packageFile,
        packed.manifest(),
        packed.noSelfTest(),
        Files.size(packageFile),
        System.nanoTime() - startNs);
  }

  /** A package that was written, and why it has no self-test, or null. */
  private record Packed(Manifest manifest, String noSelfTest) {}

  private static Packed pack(
      OnnxModel read,
      TensorData data,
      SampleShapes shapes,
      ModelStages stages,
      BuildOptions options,
      PackageWriter writer)
      throws IOException {
    String location = writer.stagedFile().getFileName().toString();
    OnnxModel model = read;
    WeightLayout layout = WeightLayout.of(model, location, data);
    writer.weights(layout.pieces());
    MemorySegment graph = MemorySegment.ofArray(layout.graph().toByteArray());
    OrtSession session = open(model, graph, writer);
    try {
      SampleRunner runner = new SampleRunner(session);
      SampleSearch samples = search(model, runner, shapes, options);
      Set<String> wrong = DeclaredOutputs.unfounded(model, runner, samples);
      if (!wrong.isEmpty()) {
        session.close();
        model = model.withoutOutputShapes(wrong);
        layout = WeightLayout.of(model, location, data);
        graph = MemorySegment.ofArray(layout.graph().toByteArray());
        session = open(model, graph, writer);
        runner = new SampleRunner(session);
      }
      writer.entry(GRAPH_ENTRY, graph);
      String whyNot = whyNotBatch(shapes, samples, options);
      Trials trials = trials(model, runner, samples, whyNot, stages, writer);
      return new Packed(
          writer.finish(manifest(model, location, layout, trials, options)),
          trials.golden().whyNone());
    } finally {
      session.close();
    }
  }

  private static SampleSearch search(
      OnnxModel model, SampleRunner runner, SampleShapes shapes, BuildOptions options)
      throws ModelException {
    boolean oneRow = options.batching() && shapes.whyNotBatch() == null;
    boolean staged = !options.inputStages().isEmpty() || !options.outputStages().isEmpty();
    return SampleSearch.run(model, runner, shapes, oneRow, staged, options.seed());
  }

  /** Why batching need not be tried, or null. */
  private static String whyNotBatch(
      SampleShapes shapes, SampleSearch samples, BuildOptions options) {
    if (!options.batching()) {
      return "batching was switched off";
    }
    return samples.whyNone() != null ? samples.whyNone() : shapes.whyNotBatch();
  }

  /** What the runs brought to light. */
  private record Trials(
      SampleSearch samples,
      BatchProof.Verdict batching,
      GoldenSamples.Kept golden,
      StagePlan plan,
      List<Stage> stages) {}

  private static OrtSession open(OnnxModel model, MemorySegment graph, PackageWriter writer)
      throws IOException {
    Path folder = writer.stagedFile().getParent().toRealPath();
    try {
      return OrtSession.open(
          OrtEnvironment.shared(),
          graph,
          OrtSessionOptions.defaults().withExternalWeightsFolder(folder),
          model.file().getFileName().toString());
    } catch (NativeException | UnsupportedOperationException e) {
      throw new ModelException(
          model.file(), "ONNX Runtime refuses the model: " + e.getMessage(), e);
    }
  }

  private static Trials trials(
      OnnxModel model,
      SampleRunner runner,
      SampleSearch samples,
      String whyNot,
      ModelStages modelStages,
      PackageWriter writer)
      throws IOException {
    double tolerance = RowComparison.tolerance(precision(model));
    BatchProof.Verdict verdict = new BatchProof.Verdict(false, whyNot);
    if (whyNot == null) {
      verdict = new BatchProof(model, runner, samples, tolerance).run();
    }
    List<SampleTensor> run =
        samples.whyNone() != null
            ? null
            : runner.run(
                samples.data().sample(samples.shapes().getFirst(), SampleData.Kind.NORMAL, 0));
    List<Stage> stages = modelStages.resolved(run);
    StagePlan plan =
        modelStages.plan(
            ModelSignature.of(model, runner.session(), run, verdict.proven()),
            verdict.proven(),
            stages);
    GoldenSamples.Kept golden = new GoldenSamples(plan, runner, samples, tolerance).write(writer);
    return new Trials(samples, verdict, golden, plan, stages);
  }

  private static Manifest manifest(
      OnnxModel model, String location, WeightLayout layout, Trials trials, BuildOptions options) {
    boolean proven = trials.batching().proven();
    Manifest.Graph graph = new Manifest.Graph(GRAPH_ENTRY, model.opset(), model.nodes());
    Map<String, Manifest.Graph> graphs = new LinkedHashMap<>();
    graphs.put(Manifest.CPU, graph);
    graphs.put(Manifest.TENSORRT, graph);
    long weightsBytes =
        layout.pieces().isEmpty()
            ? 0
            : layout.pieces().getLast().offset()
                + layout.pieces().getLast().data().byteSize()
                - PackageWriter.weightsOffset();
    return new Manifest(
        Manifest.versionFor(trials.stages()),
        options.producer(),
        model.name(),
        trials.plan().served(),
        new Manifest.Batching(proven, 0, trials.batching().reason()),
        new Manifest.Precision(
            precision(model), List.of(), "every layer as the model has it, nothing was converted"),
        profile(model, trials, proven ? options.rows() : new Range(1, 1, 1)),
        graphs,
        new Manifest.Weights(PackageWriter.weightsOffset(), weightsBytes, location),
        model.parameters(),
        trials.golden().samples(),
        trials.stages(),
        Map.of());
  }

  private static Manifest.Profile profile(OnnxModel model, Trials trials, Range rows) {
    Map<String, List<Range>> shapes = new LinkedHashMap<>();
    List<List<Range>> ranges = trials.samples().ranges();
    boolean proven = trials.batching().proven();
    for (int i = 0; i < model.inputs().size(); i++) {
      int index = i;
      OnnxModel.Value input = model.inputs().get(i);
      List<Range> dims = new ArrayList<>(ranges.get(i));
      boolean dynamic = false;
      for (int axis = proven ? 1 : 0; axis < input.dims().size(); axis++) {
        dynamic |= input.dims().get(axis).extent() == Shape.DYNAMIC;
      }
      // A stage says the shape of its input itself.
      if (dynamic && trials.plan().inputs().stream().noneMatch(step -> step.model() == index)) {
        if (proven) {
          dims.set(0, rows);
        }
        shapes.put(input.name(), dims);
      }
    }
    return new Manifest.Profile(rows, shapes);
  }

  /** The type of most of the weights' elements. */
  private static String precision(OnnxModel model) {
    Map<String, Long> elements = new LinkedHashMap<>();
    elements.put("fp32", 0L);
    for (TensorProto tensor : model.proto().getGraph().getInitializerList()) {
      String precision =
          switch (tensor.getDataType()) {
            case TensorProto.DataType.FLOAT16_VALUE -> "fp16";
            case TensorProto.DataType.BFLOAT16_VALUE -> "bf16";
            case TensorProto.DataType.INT8_VALUE, TensorProto.DataType.UINT8_VALUE -> "int8";
            default -> "fp32";
          };
      long count = 1;
      for (long dim : tensor.getDimsList()) {
        count *= dim;
      }
      elements.merge(precision, count, Long::sum);
    }
    return elements.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
  }
}
