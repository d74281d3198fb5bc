package dev.sluice.converter.build;

import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Nodes on which ONNX Runtime 1.29.0 ends the process where it should fail. Each was found by a
 * mutant of a model; what is told apart by shapes that are known before a run is refused.
 *
 * <p>Thread safety: stateless.
 */
final class KnownCrashes {
  private KnownCrashes() {}

  /**
   * Checks the nodes of a graph.
   *
   * @throws ModelException naming the node
   */
  static void check(Path file, Graph graph) throws ModelException {
    for (NodeProto node : graph.nodes()) {
      // The CPU's kernel divides by the number of rows.
      if (Graph.isStandard(node) && node.getOpType().equals("TopK") && takesNothing(graph, node)) {
        throw new ModelException(
            file,
            "the node "
                + OnnxModel.describe(node)
                + " takes a tensor without elements, on which ONNX Runtime divides by zero; export"
                + " the model with the extents that it is for");
      }
    }
  }

  private static boolean takesNothing(Graph graph, NodeProto node) {
    long[] dims = node.getInputCount() == 0 ? null : graph.staticDims(node.getInput(0));
    return dims != null && Arrays.stream(dims).anyMatch(dim -> dim == 0);
  }
}
