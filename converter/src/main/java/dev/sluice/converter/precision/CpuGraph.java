package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Writes the graph that ONNX Runtime's CPU kernels run fastest: activations UINT8, weights INT8 by
 * channel, biases INT32, rectifiers absorbed by the quantizers, and every node between layers on
 * codes.
 *
 * <p>Whoever reads a quantized tensor reads the dequantized one, callers included: a kernel on
 * codes has no other result.
 *
 * <p>Thread safety: used by one thread.
 */
final class CpuGraph {
  private final Graph graph;
  private final Recipe recipe;
  private final CpuPlacement placement;
  private final QdqEdit edit;
  private final Map<String, Grid> grids = new HashMap<>();

  private CpuGraph(Graph graph, Recipe recipe) {
    this.graph = graph;
    this.recipe = recipe;
    this.placement = new CpuPlacement(graph, recipe.layers());
    this.edit = new QdqEdit(graph);
  }

  /** Writes the graph of a recipe. */
  static Graph of(Graph graph, Recipe recipe) throws IOException {
    return new CpuGraph(graph, recipe).write();
  }

  private Graph write() throws IOException {
    if (placement.layers().isEmpty()) {
      return graph;
    }
    for (Set<String> group : placement.groups(this::standsAlone)) {
      Bounds bounds = null;
      for (String name : group) {
        Bounds own = recipe.bounds().get(name);
        bounds = bounds == null ? own : bounds.union(own);
      }
      Grid grid = Grid.unsigned(bounds);
      group.forEach(name -> grids.put(name, grid));
    }
    for (Layer layer : placement.layers().values()) {
      layer(layer);
    }
    Set<Integer> onCodes = new TreeSet<>(placement.layers().keySet());
    onCodes.addAll(placement.followers().keySet());
    Set<String> made = new HashSet<>();
    for (int index : onCodes) {
      String result = placement.result(index);
      if (placement.quantized().contains(result)) {
        result(index, result);
        made.add(result);
      }
    }
    for (String name : placement.quantized()) {
      if (!made.contains(name)) {
        input(name, onCodes);
      }
    }
    return edit.build();
  }

  /** Signed tensors, and those that a Clip bounds, keep a grid of their own ahead of a Concat. */
  private boolean standsAlone(String name) {
    int maker = graph.producer(name);
    return recipe.bounds().get(name).low() < 0
        || (maker >= 0 && Layer.is(graph.nodes().get(maker), "Clip"));
  }

  private void layer(Layer layer) throws IOException {
    LayerWeights.Quantized weights = recipe.weights().of(layer);
    NodeProto.Builder node = edit.node(layer.index()).toBuilder();
    node.setInput(1, edit.weights(layer, weights));
    float[] bias = recipe.bias(layer);
    if (bias != null) {
      Grid input = grids.get(layer.activation());
      TensorRtGraph.setBias(node, edit.bias(layer, bias, input, weights.scales()));
    }
    edit.replace(layer.index(), node.build());
  }

  /** Quantizes what a node on codes makes. */
  private void result(int index, String result) {
    int absorbed = placement.absorbed(index);
    String raw = graph.nodes().get(index).getOutput(0);
    if (absorbed >= 0) {
      edit.remove(absorbed);
    } else {
      raw = edit.freshName(result + "_raw");
      edit.replace(index, edit.node(index).toBuilder().setOutput(0, raw).build());
    }
    edit.quantize(raw, result, grids.get(result), index);
  }

  /** Quantizes what comes from elsewhere, for the nodes on codes alone. */
  private void input(String name, Set<Integer> onCodes) {
    String codes = edit.freshName(name + "_dequantized");
    edit.quantize(name, codes, grids.get(name), graph.producer(name));
    for (int index : graph.consumers(name)) {
      if (onCodes.contains(index)) {
        edit.reroute(index, name, codes);
      }
    }
  }
}
