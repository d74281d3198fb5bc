package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Writes the graph that TensorRT fuses best: a symmetric INT8 pair ahead of each layer's activation
 * and behind its weights, biases as they are. An Add of a convolution's result and a shortcut gets
 * a pair on the shortcut, so that it becomes part of the convolution; all other nodes read what
 * they did, in FP32: {@link HalfAroundInt8} gives them FP16. Where TensorRT may move a quantizer
 * (over a pooling, a Concat, a Reshape) it does so itself.
 *
 * <p>Thread safety: used by one thread.
 */
final class TensorRtGraph {
  private final Graph graph;
  private final Recipe recipe;
  private final QdqEdit edit;

  private TensorRtGraph(Graph graph, Recipe recipe) {
    this.graph = graph;
    this.recipe = recipe;
    this.edit = new QdqEdit(graph);
  }

  /** Writes the graph of a recipe. */
  static Graph of(Graph graph, Recipe recipe) throws IOException {
    return recipe.layers().isEmpty() ? graph : new TensorRtGraph(graph, recipe).write();
  }

  /** The tensors that are quantized. */
  static Set<String> quantized(Graph graph, List<Layer> layers) {
    Set<String> tensors = new LinkedHashSet<>();
    layers.forEach(layer -> tensors.add(layer.activation()));
    tensors.addAll(shortcuts(graph, layers).values());
    return tensors;
  }

  private Graph write() throws IOException {
    Map<String, String> pairs = new LinkedHashMap<>();
    for (Layer layer : recipe.layers()) {
      NodeProto node = edit.node(layer.index());
      String weights = edit.weights(layer, recipe.weights().of(layer));
      NodeProto.Builder quantized =
          node.toBuilder().setInput(0, pair(pairs, layer.activation())).setInput(1, weights);
      if (recipe.corrections().containsKey(layer.key())) {
        setBias(quantized, edit.realBias(layer, recipe.bias(layer)));
      }
      edit.replace(layer.index(), quantized.build());
    }
    shortcuts(graph, recipe.layers())
        .forEach((add, shortcut) -> edit.reroute(add, shortcut, pair(pairs, shortcut)));
    return edit.build();
  }

  /** Gives a node a bias, whether or not it had one. */
  static void setBias(NodeProto.Builder node, String bias) {
    if (node.getInputCount() > 2) {
      node.setInput(2, bias);
    } else {
      node.addInput(bias);
    }
  }

  private String pair(Map<String, String> pairs, String tensor) {
    return pairs.computeIfAbsent(
        tensor,
        _ -> {
          String dequantized = edit.freshName(tensor + "_dequantized");
          edit.quantize(
              tensor,
              dequantized,
              Grid.symmetric(recipe.bounds().get(tensor)),
              graph.producer(tensor));
          return dequantized;
        });
  }

  /** The shortcuts of residual blocks, by the index of their Add. */
  private static Map<Integer, String> shortcuts(Graph graph, List<Layer> layers) {
    Set<Integer> convolutions = new LinkedHashSet<>();
    layers.stream().filter(Layer::isConvolution).forEach(layer -> convolutions.add(layer.index()));
    Set<String> activations = new LinkedHashSet<>();
    layers.forEach(layer -> activations.add(layer.activation()));
    Map<Integer, String> shortcuts = new LinkedHashMap<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      NodeProto add = graph.nodes().get(i);
      if (!Layer.is(add, "Add")) {
        continue;
      }
      int first = graph.producer(add.getInput(0));
      int second = graph.producer(add.getInput(1));
      boolean ofFirst =
          convolutions.contains(first) && graph.consumers(add.getInput(0)).size() == 1;
      boolean ofSecond =
          convolutions.contains(second) && graph.consumers(add.getInput(1)).size() == 1;
      // The convolution that is done last takes the sum; the other branch is its shortcut.
      if (ofSecond && second > first && isTensor(graph, add.getInput(0))) {
        shortcuts.put(i, add.getInput(0));
      } else if (ofFirst && first > second && isTensor(graph, add.getInput(1))) {
        shortcuts.put(i, add.getInput(1));
      }
    }
    return shortcuts;
  }

  private static boolean isTensor(Graph graph, String name) {
    return !graph.initializers().containsKey(name)
        && graph.type(name) != null
        && graph.type(name).type() == ElementType.FLOAT;
  }
}
