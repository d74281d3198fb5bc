package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Attributes;
import dev.sluice.converter.graph.DeadCode;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.GraphEdit;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.OpsetUpgrade;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Puts a DequantizeLinear of the other type in the place of a Cast behind one, so that each layer
 * has its own right ahead of it: TensorRT fuses it into the layer, and would not fuse over the
 * Cast. Both have the same scale, that of 16 bits, which FLOAT holds.
 *
 * <p>Thread safety: used by one thread.
 */
final class DequantizedTwice {
  private final Graph graph;
  private final NewWeights weights;
  private final HalfConstants constants;
  private final GraphEdit edit;
  private final Map<List<Object>, String> scales = new HashMap<>();

  private DequantizedTwice(Graph graph, NewWeights weights, HalfFormat format) {
    this.graph = graph;
    this.weights = weights;
    this.constants = new HalfConstants(graph, weights, format);
    this.edit = graph.edit();
  }

  /** The graph without Casts of what is dequantized, where the scale is one of the other type. */
  static Graph of(Graph graph, NewWeights weights, HalfFormat format) throws IOException {
    return graph.opset() < OpsetUpgrade.HALF_SCALES
        ? graph
        : new DequantizedTwice(graph, weights, format).graph();
  }

  private Graph graph() throws IOException {
    boolean changed = false;
    for (int i = 0; i < graph.nodes().size(); i++) {
      NodeProto twin = twin(graph.nodes().get(i));
      if (twin != null) {
        edit.replaceNode(i, List.of(twin));
        changed = true;
      }
    }
    return changed ? new DeadCode().apply(edit.build(), null).graph() : graph;
  }

  /** What takes the place of a node; null where it is no such Cast. */
  private NodeProto twin(NodeProto cast) throws IOException {
    int producer = Layer.is(cast, "Cast") ? graph.producer(cast.getInput(0)) : -1;
    if (producer < 0 || !Layer.is(graph.nodes().get(producer), "DequantizeLinear")) {
      return null;
    }
    NodeProto other = graph.nodes().get(producer);
    ElementType type = ElementType.ofCode((int) Attributes.integer(cast, "to", 0));
    TensorProto scale = graph.constant(other.getInput(1));
    boolean fits =
        scale != null
            && (HalfFormat.isHalf(type)
                ? constants.isFloat(other.getInput(1))
                    && constants.stepProblem(other.getInput(1)) == null
                : type == ElementType.FLOAT);
    return fits
        ? other.toBuilder()
            .setName(cast.getName())
            .setInput(1, scale(other.getInput(1), scale, type))
            .setOutput(0, cast.getOutput(0))
            .build()
        : null;
  }

  private String scale(String name, TensorProto scale, ElementType type) throws IOException {
    String known = scales.get(List.of(name, type));
    if (known == null) {
      known = edit.freshName(name + "_" + Retyping.suffix(type));
      edit.addInitializer(Retyping.converted(scale, known, type, weights));
      scales.put(List.of(name, type), known);
    }
    return known;
  }
}
