package dev.sluice.converter.build;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.graph.BatchNormFolding;
import dev.sluice.converter.graph.ConstantFolding;
import dev.sluice.converter.graph.DeadCode;
import dev.sluice.converter.graph.DynamicBatch;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest.Range;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model and what the rewrites make of it.
 *
 * <p>Thread safety: immutable.
 *
 * @param original as it was read
 * @param model rewritten; the same where nothing was done
 * @param rows that the original is for, where its batch was made dynamic; else 1
 * @param reports what each rewrite did that did something
 */
record Rewriting(OnnxModel original, OnnxModel model, long rows, List<Rewrite.Report> reports) {
  /** The name of the rewrite that makes a batch dynamic. */
  static final String DYNAMIC_BATCH = new DynamicBatch(null, List.of()).name();

  /** Shapes that are tried where a model leaves extents open; any that fit together will do. */
  private static final int MAX_SHAPES = 4;

  /**
   * Applies the rewrites in their order. The batch comes before the constants: a shape that is
   * computed from a value's follows the batch, a constant does not.
   *
   * @param shapes of the original's inputs
   * @param dropped rewrites that are left out, by name
   * @throws dev.sluice.converter.onnx.ModelException when the batch is to be dynamic and can't be,
   *     or a constant can't be read
   * @throws RewriteFailedException when ONNX Runtime takes the graph before a rewrite, but not
   *     after
   */
  static Rewriting of(
      OnnxModel original,
      BuildOptions options,
      SampleShapes shapes,
      Map<String, String> dropped,
      NewWeights weights)
      throws IOException, RewriteFailedException {
    Graph graph;
    try {
      graph = Graph.of(original.proto(), options.customOps());
    } catch (NativeException | UnsupportedOperationException e) {
      // Where the model does not run either, that says why.
      String reason = "left as it is, ONNX Runtime tells no types: " + e.getMessage();
      return new Rewriting(
          original, original, 1, List.of(new Rewrite.Report("graph", List.of(reason))));
    }
    KnownCrashes.check(original.file(), graph);
    List<Rewrite> rewrites = new ArrayList<>();
    rewrites.add(new DeadCode());
    if (options.dynamicBatch()) {
      rewrites.add(new DynamicBatch(original.file(), candidates(shapes)));
    }
    rewrites.add(new ConstantFolding());
    rewrites.add(new BatchNormFolding());
    rewrites.add(new DeadCode());
    Graph first = graph;
    long rows = 1;
    Map<String, List<String>> changes = new LinkedHashMap<>();
    for (Rewrite rewrite : rewrites) {
      if (dropped.containsKey(rewrite.name())) {
        continue;
      }
      Rewrite.Result result;
      try {
        result = rewrite.apply(graph, weights);
      } catch (NativeException | UnsupportedOperationException e) {
        throw new RewriteFailedException(
            rewrite.name(), "ONNX Runtime refuses the rewritten graph: " + e.getMessage());
      }
      if (!result.changes().isEmpty()) {
        changes.computeIfAbsent(rewrite.name(), _ -> new ArrayList<>()).addAll(result.changes());
        rows = rewrite instanceof DynamicBatch ? DynamicBatch.rows(original.inputs()) : rows;
      }
      graph = result.graph();
    }
    List<Rewrite.Report> reports = new ArrayList<>();
    changes.forEach((name, list) -> reports.add(new Rewrite.Report(name, list)));
    return new Rewriting(
        original, graph == first ? original : original.with(graph.model()), rows, reports);
  }

  private static List<List<Shape>> candidates(SampleShapes shapes) {
    return SampleShapes.TRIED.stream()
        .limit(shapes.isGuessed() ? MAX_SHAPES : 1)
        .map(extent -> shapes.shapes(Range::opt, extent, false))
        .toList();
  }

  /** Whether anything was done. */
  boolean isChanged() {
    return model != original;
  }

  /** Whether the batch was made dynamic. */
  boolean hasDynamicBatch() {
    return reports.stream().anyMatch(report -> report.name().equals(DYNAMIC_BATCH));
  }
}
