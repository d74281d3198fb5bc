package dev.sluice.converter.build;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.converter.graph.DynamicBatch;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.TensorData;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
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

/**
 * Builds a package of an ONNX model, in the precision that the model has.
 *
 * <p>The model's graph is rewritten first, see {@link Rewriting}. The weights and the graph are
 * written; the session that runs all trials is made over just these bytes, so what was tried is
 * what is shipped. A rewritten graph must give what the model gives, see {@link Original}; a
 * rewrite that does not hold is left out, and all starts anew.
 *
 * <p>Thread safety: used by one thread.
 */
public final class ModelBuilder {
  static final String GRAPH_ENTRY = "graphs/cpu.onnx";

  private final OnnxModel model;
  private final Path packageFile;
  private final BuildOptions options;
  private final long startNs = System.nanoTime();

  /** Rewrites that did not hold, by name, with the reason. */
  private final Map<String, String> dropped = new LinkedHashMap<>();

  /** Names of the rewrites that the last attempt applied. */
  private List<String> applied = List.of();

  private ModelBuilder(OnnxModel model, Path packageFile, BuildOptions options) {
    this.model = model;
    this.packageFile = packageFile;
    this.options = options;
  }

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
    if (Files.exists(modelFile)
        && Files.exists(packageFile)
        && Files.isSameFile(modelFile, packageFile)) {
      throw new ModelException(modelFile, "the package would replace the model; name another file");
    }
    ModelBuilder builder = new ModelBuilder(ModelReader.read(modelFile), packageFile, options);
    try {
      return builder.build();
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

  /** Builds with all rewrites that hold. */
  private BuildResult build() throws IOException {
    try {
      return attempt();
    } catch (RewriteFailedException e) {
      if (e.rewrite() != null) {
        dropped.put(e.rewrite(), e.getMessage());
        return build();
      }
      List<String> suspects = applied;
      for (String suspect : suspects.reversed()) {
        dropped.put(suspect, e.getMessage());
        try {
          return attempt();
        } catch (RewriteFailedException _) {
          dropped.remove(suspect);
        }
      }
      // None is it alone. Without any the graph is the model's own.
      suspects.forEach(suspect -> dropped.put(suspect, e.getMessage()));
      return build();
    }
  }

  private BuildResult attempt() throws IOException, RewriteFailedException {
    ModelStages given = ModelStages.of(model, options);
    SampleShapes shapes =
        new SampleShapes(model.file(), model.inputs(), fixedRows(given.shapes(options.shapes())));
    try (Arena arena = Arena.ofConfined();
        PackageWriter writer = PackageWriter.create(packageFile)) {
      TensorData data = new TensorData(model.file(), arena);
      NewWeights weights = new NewWeights(data, writer.stagedFile().getParent(), arena);
      Rewriting rewriting = Rewriting.of(model, options, shapes, dropped, weights);
      applied = rewriting.reports().stream().map(Rewrite.Report::name).toList();
      String location = writer.stagedFile().getFileName().toString();
      WeightLayout layout = WeightLayout.of(rewriting.model(), location, data);
      writer.weights(layout.pieces());
      MemorySegment graph = MemorySegment.ofArray(layout.graph().toByteArray());
      writer.entry(GRAPH_ENTRY, graph);
      Trials trials;
      try (OrtSession session = open(rewriting, graph, writer);
          Original original = original(rewriting, layout, data, shapes, writer)) {
        trials = trials(rewriting, original, new SampleRunner(session), writer);
      }
      Manifest manifest =
          writer.finish(
              BuiltManifest.manifest(rewriting.model(), location, layout, trials, options));
      return new BuildResult(
          packageFile,
          manifest,
          reports(rewriting),
          trials.proof(),
          trials.golden().whyNone(),
          Files.size(packageFile),
          System.nanoTime() - startNs);
    }
  }

  /** Ranges that were given for a batch that is to be dynamic, with the rows that it has now. */
  private Map<String, List<Range>> fixedRows(Map<String, List<Range>> given) {
    long rows = options.dynamicBatch() ? DynamicBatch.rows(model.inputs()) : 0;
    if (rows == 0) {
      return given;
    }
    Map<String, List<Range>> fixed = new LinkedHashMap<>();
    given.forEach((name, ranges) -> {
      List<Range> dims = new ArrayList<>(ranges);
      if (!dims.isEmpty()) {
        dims.set(0, new Range(rows, rows, rows));
      }
      fixed.put(name, dims);
    });
    return fixed;
  }

  private List<Rewrite.Report> reports(Rewriting rewriting) {
    List<Rewrite.Report> reports = new ArrayList<>(rewriting.reports());
    dropped.forEach(
        (name, reason) -> reports.add(new Rewrite.Report(name, List.of("dropped: " + reason))));
    return reports;
  }

  private OrtSession open(Rewriting rewriting, MemorySegment graph, PackageWriter writer)
      throws IOException, RewriteFailedException {
    Path folder = writer.stagedFile().getParent().toRealPath();
    try {
      return OrtSession.open(
          OrtEnvironment.shared(),
          graph,
          OrtSessionOptions.defaults().withExternalWeightsFolder(folder),
          model.file().getFileName().toString());
    } catch (NativeException | UnsupportedOperationException e) {
      if (rewriting.isChanged()) {
        throw new RewriteFailedException(e);
      }
      throw new ModelException(
          model.file(), "ONNX Runtime refuses the model: " + e.getMessage(), e);
    }
  }

  private Original original(
      Rewriting rewriting,
      WeightLayout layout,
      TensorData data,
      SampleShapes shapes,
      PackageWriter writer)
      throws IOException, RewriteFailedException {
    if (!rewriting.isChanged()) {
      return null;
    }
    Path beside = writer.stagedFile().resolveSibling("original.weights");
    try {
      ModelProto graph = layout.original(model, rewriting.model(), data, beside);
      MemorySegment bytes = MemorySegment.ofArray(graph.toByteArray());
      return new Original(open(rewriting, bytes, writer), rewriting, shapes, options.seed());
    } finally {
      // The session has mapped it.
      Files.deleteIfExists(beside);
    }
  }

  private Trials trials(
      Rewriting rewriting, Original original, SampleRunner runner, PackageWriter writer)
      throws IOException, RewriteFailedException {
    OnnxModel rewritten = rewriting.model();
    ModelStages modelStages = ModelStages.of(rewritten, options);
    SampleShapes shapes =
        new SampleShapes(model.file(), rewritten.inputs(), modelStages.shapes(options.shapes()));
    double tolerance = RowComparison.tolerance(BuiltManifest.precision(model));
    String proof = original == null ? null : original.prove(runner, tolerance);
    String whyNot = options.batching() ? shapes.whyNotBatch() : "batching was switched off";
    SampleSearch samples =
        SampleSearch.run(rewritten, runner, shapes, whyNot == null, options.seed());
    BatchProof.Verdict verdict = new BatchProof.Verdict(false, explained(whyNot));
    if (whyNot == null) {
      verdict = new BatchProof(rewritten, runner, samples, tolerance).run();
      if (!verdict.proven() && rewriting.hasDynamicBatch()) {
        throw new RewriteFailedException(Rewriting.DYNAMIC_BATCH, verdict.reason());
      }
    }
    List<SampleTensor> run =
        runner.run(samples.data().sample(samples.shapes().getFirst(), SampleData.Kind.NORMAL, 0));
    List<Stage> stages = modelStages.resolved(run);
    StagePlan plan =
        modelStages.plan(
            BuiltManifest.signature(rewritten, runner, samples, run, verdict.proven()),
            verdict.proven(),
            stages);
    SampleRunner truth = original == null ? runner : original.runner();
    GoldenSamples.Kept golden = new GoldenSamples(plan, truth, samples, tolerance).write(writer);
    return new Trials(samples, verdict, golden, plan, stages, proof);
  }

  /** Why a batch stays fixed, and what may help. */
  private String explained(String whyNot) {
    if (whyNot == null || !options.batching() || DynamicBatch.rows(model.inputs()) == 0) {
      return whyNot;
    }
    String failed = dropped.get(Rewriting.DYNAMIC_BATCH);
    if (failed != null) {
      return whyNot + "; made dynamic, " + failed;
    }
    return options.rows().max() > 1 && !options.dynamicBatch()
        ? whyNot + "; --batch MIN:OPT:MAX may make it dynamic"
        : whyNot;
  }
}
