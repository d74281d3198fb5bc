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
import dev.sluice.converter.precision.SourceModel;
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
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

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

  private OnnxModel model;
  private final Path packageFile;
  private final BuildOptions options;
  private final long startNs = System.nanoTime();

  /** Rewrites that did not hold, by name, with the reason. */
  private final Map<String, String> dropped = new LinkedHashMap<>();

  /** Outputs whose declared shape does not hold, so that it is left out. */
  private final Set<String> undeclared = new HashSet<>();

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
    // The engine tells inputs without a rank from scalars by nothing.
    Map<String, Integer> ranks = new LinkedHashMap<>();
    options.shapes().forEach((input, dims) -> ranks.put(input, dims.size()));
    OnnxModel model = ModelReader.read(modelFile).withInputRanks(ranks);
    BuildOptions shaped = options;
    for (var padded :
        PaddingProof.ranges(model, options.pads(), options.shapes(), options.rows()).entrySet()) {
      shaped = shaped.withShape(padded.getKey(), padded.getValue());
    }
    ModelBuilder builder = new ModelBuilder(model, packageFile, shaped);
    try {
      return builder.build();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (InternalError e) {
      throw new ModelException(
          modelFile,
          "a file of its weights was cut off while it was read; try again when nothing writes to it",
          e);
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
    BuildResult result = tryOnce();
    return result == null ? attempt() : result;
  }

  /** Builds; null where the model has lost declarations that do not hold, and all starts anew. */
  private BuildResult tryOnce() throws IOException, RewriteFailedException {
    ModelStages given = ModelStages.of(model, options);
    SampleShapes shapes =
        new SampleShapes(model.file(), model.inputs(), fixedRows(given.shapes(options.shapes())));
    try (Arena arena = Arena.ofConfined();
        PackageWriter writer = PackageWriter.create(packageFile)) {
      TensorData data = new TensorData(model.file(), arena);
      data.checkAll(model.proto().getGraph());
      NewWeights weights = new NewWeights(data, writer.stagedFile().getParent(), arena);
      Rewriting rewriting = Rewriting.of(model, options, shapes, dropped, weights);
      applied = rewriting.reports().stream().map(Rewrite.Report::name).toList();
      String location = writer.stagedFile().getFileName().toString();
      WeightLayout layout = WeightLayout.of(rewriting.model(), location, data);
      try {
        writer.weights(layout.pieces());
      } catch (IOException | InternalError e) {
        // Where a file of the model was cut off that is what matters, not how it showed.
        data.checkUnchanged(e);
        throw e;
      }
      data.checkUnchanged(null);
      MemorySegment graph = MemorySegment.ofArray(layout.graph().toByteArray());
      writer.entry(GRAPH_ENTRY, graph);
      Trials trials;
      try (OrtSession session = open(rewriting, layout, graph, writer);
          Original original = original(rewriting, layout, data, shapes, writer)) {
        SampleRunner runner = new SampleRunner(session);
        SampleShapes rewritten = shapes(rewriting.model());
        SampleSearch samples = search(rewriting.model(), runner, rewritten);
        Set<String> wrong = DeclaredOutputs.unfounded(rewriting.model(), runner, samples);
        if (undeclared.addAll(wrong)) {
          model = model.withoutOutputShapes(undeclared);
          return null;
        }
        String whyNot = explained(whyNotBatch(rewritten, samples));
        trials = trials(rewriting, original, runner, samples, whyNot, writer);
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

  private SampleShapes shapes(OnnxModel of) throws ModelException {
    return new SampleShapes(
        model.file(), of.inputs(), ModelStages.of(of, options).shapes(options.shapes()));
  }

  private SampleSearch search(OnnxModel of, SampleRunner runner, SampleShapes shapes)
      throws ModelException {
    boolean oneRow = options.batching() && shapes.whyNotBatch() == null;
    boolean staged = !options.inputStages().isEmpty() || !options.outputStages().isEmpty();
    return SampleSearch.run(of, runner, shapes, oneRow, staged, options.seed());
  }

  /** Why batching need not be tried, or null. */
  private String whyNotBatch(SampleShapes shapes, SampleSearch samples) {
    if (!options.batching()) {
      return "batching was switched off";
    }
    return samples.whyNone() != null ? samples.whyNone() : shapes.whyNotBatch();
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

  private OrtSession open(
      Rewriting rewriting, WeightLayout layout, MemorySegment graph, PackageWriter writer)
      throws IOException, RewriteFailedException {
    Path folder = writer.stagedFile().getParent().toRealPath();
    boolean copy = layout.sizeBytes() < SourceModel.COPY_MAX_BYTES;
    try {
      return open(
          graph,
          folder,
          options.customOps(),
          copy,
          Map.of(),
          model.file().getFileName().toString());
    } catch (NativeException | UnsupportedOperationException e) {
      if (rewriting.isChanged()) {
        throw new RewriteFailedException(e);
      }
      throw new ModelException(
          model.file(), "ONNX Runtime refuses the model: " + e.getMessage(), e);
    }
  }

  /**
   * A session for a few runs.
   *
   * @param folder of the weights
   * @param copy whether weights may be copied for the sake of speed
   * @param config further entries
   */
  static OrtSession open(
      MemorySegment graph,
      Path folder,
      List<Path> customOps,
      boolean copy,
      Map<String, String> config,
      String label) {
    Map<String, String> entries = new HashMap<>(config);
    if (!copy) {
      entries.put("session.disable_prepacking", "1");
    }
    return OrtSession.open(
        OrtEnvironment.shared(),
        graph,
        OrtSessionOptions.defaults()
            .withExternalWeightsFolder(folder)
            .withCustomOps(customOps)
            .withConfig(entries),
        label);
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
      return new Original(
          open(rewriting, layout, bytes, writer), rewriting, shapes, options.seed());
    } finally {
      // The session has mapped it.
      Files.deleteIfExists(beside);
    }
  }

  private Trials trials(
      Rewriting rewriting,
      Original original,
      SampleRunner runner,
      SampleSearch samples,
      String whyNot,
      PackageWriter writer)
      throws IOException, RewriteFailedException {
    OnnxModel rewritten = rewriting.model();
    ModelStages modelStages = ModelStages.of(rewritten, options);
    double tolerance = RowComparison.tolerance(BuiltManifest.precision(model));
    String proof = original == null ? null : original.prove(runner, tolerance);
    BatchProof.Verdict verdict = new BatchProof.Verdict(false, whyNot);
    if (whyNot == null) {
      verdict = new BatchProof(rewritten, runner, samples, tolerance).run();
      if (!verdict.proven() && rewriting.hasDynamicBatch()) {
        throw new RewriteFailedException(Rewriting.DYNAMIC_BATCH, verdict.reason());
      }
    }
    List<SampleTensor> run =
        samples.whyNone() != null
            ? null
            : runner.run(
                samples.data().sample(samples.shapes().getFirst(), SampleData.Kind.NORMAL, 0));
    List<Stage> stages = modelStages.resolved(run);
    StagePlan plan =
        modelStages.plan(
            ModelSignature.of(rewritten, runner.session(), run, verdict.proven()),
            verdict.proven(),
            stages);
    if (!verdict.proven() && options.batching()) {
      verdict = new BatchProof.Verdict(false, verdict.reason() + OtherAxis.hint(rewritten));
    }
    SampleRunner truth = original == null ? runner : original.runner();
    GoldenSamples.Kept golden = new GoldenSamples(plan, truth, samples, tolerance).write(writer);
    return new Trials(
        samples,
        verdict,
        golden,
        plan,
        stages,
        proof,
        padding(rewritten, runner, samples, verdict));
  }

  private Trials.Padded padding(
      OnnxModel of, SampleRunner runner, SampleSearch samples, BatchProof.Verdict verdict)
      throws ModelException {
    if (options.pads().isEmpty()) {
      return new Trials.Padded(Manifest.Padding.NONE, null);
    }
    if (!verdict.proven()) {
      throw new ModelException(
          model.file(),
          "padding lets requests share batches, but rows of this model can't: " + verdict.reason());
    }
    if (!options.inputStages().isEmpty() || !options.outputStages().isEmpty()) {
      throw new ModelException(model.file(), "padding and stages don't go together");
    }
    PaddingProof proof =
        new PaddingProof(
            of,
            runner,
            samples,
            options.pads(),
            RowComparison.tolerance(BuiltManifest.precision(model)));
    Manifest.Padding padding = proof.run();
    return new Trials.Padded(padding, proof.reason());
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
