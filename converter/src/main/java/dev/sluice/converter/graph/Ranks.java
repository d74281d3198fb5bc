package dev.sluice.converter.graph;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Ranks that ONNX Runtime's inference does not find. It knows nothing of a value that is shaped by
 * computed extents, nor of all that follows, though as many extents as there are make the rank. So
 * such values become inputs of that rank, and it is asked again; what it finds may tell the number
 * of further extents.
 *
 * <p>Thread safety: stateless.
 */
final class Ranks {
  /** Which input has the extents, by operator. */
  private static final Map<String, Integer> SHAPED = Map.of("Reshape", 1, "ConstantOfShape", 0);

  /** Each asks ONNX Runtime once; real models need one or two. */
  private static final int MAX_ROUNDS = 4;

  private Ranks() {}

  /**
   * Completes types.
   *
   * @param model whose main graph the values are of
   * @param types what ONNX Runtime has inferred
   * @return these, with a rank for more of them
   */
  static Map<String, OnnxModel.Value> complete(
      ModelProto model, List<Path> customOps, Map<String, OnnxModel.Value> types) {
    Map<String, OnnxModel.Value> completed = new HashMap<>(types);
    GraphProto.Builder graph = model.getGraph().toBuilder();
    for (int round = 0; round < MAX_ROUNDS; round++) {
      Set<String> ranked = new HashSet<>();
      for (NodeProto node : graph.getNodeList()) {
        long[] dims = dims(node, completed);
        if (dims != null) {
          OnnxModel.Value value = completed.get(node.getOutput(0));
          graph.addInput(TypeInference.declared(value.name(), value.type().code(), dims));
          ranked.add(value.name());
        }
      }
      if (ranked.isEmpty()) {
        break;
      }
      List<NodeProto> kept =
          graph.getNodeList().stream()
              .filter(node -> node.getOutputList().stream().noneMatch(ranked::contains))
              .toList();
      graph.clearNode().addAllNode(kept);
      try {
        TypeInference.infer(model.toBuilder().setGraph(graph).build(), customOps)
            .forEach((name, value) ->
                completed.merge(name, value, (old, later) -> old.isRanked() ? old : later));
      } catch (NativeException _) {
        // The rank contradicts what follows: then a run will say so.
        break;
      }
    }
    return completed;
  }

  /** The extents of what a node gives, each open; null where their number is not known, or is. */
  private static long[] dims(NodeProto node, Map<String, OnnxModel.Value> types) {
    Integer input = Graph.isStandard(node) ? SHAPED.get(node.getOpType()) : null;
    if (input == null) {
      return null;
    }
    OnnxModel.Value value = types.get(node.getOutput(0));
    OnnxModel.Value shape = types.get(node.getInput(input));
    if (value == null
        || value.isRanked()
        || shape == null
        || !shape.isRanked()
        || shape.dims().size() != 1
        || !shape.shape().isStatic()) {
      return null;
    }
    long[] dims = new long[Math.toIntExact(shape.shape().dim(0))];
    Arrays.fill(dims, -1);
    return dims;
  }
}
