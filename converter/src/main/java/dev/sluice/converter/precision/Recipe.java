package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.onnx.TensorData;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What both graphs of a package are made of: which layers have 8 bits, the bounds of the tensors,
 * and the weights.
 *
 * <p>Thread safety: immutable, but for the weights' readers.
 *
 * @param layers that have 8 bits, in the order of the graph
 * @param bounds by tensor
 * @param weights of all layers, those of none of them included
 * @param data finds the bytes of the model's constants
 */
record Recipe(
    List<Layer> layers, Map<String, Bounds> bounds, LayerWeights weights, TensorData data) {
  Recipe {
    layers = List.copyOf(layers);
    bounds = Map.copyOf(bounds);
  }

  /** This recipe with some of its layers only. */
  Recipe with(Set<String> keys) {
    return new Recipe(
        layers.stream().filter(layer -> keys.contains(layer.key())).toList(),
        bounds,
        weights,
        data);
  }

  /** The layers by the index of their nodes. */
  Map<Integer, Layer> byIndex() {
    Map<Integer, Layer> byIndex = new LinkedHashMap<>();
    layers.forEach(layer -> byIndex.put(layer.index(), layer));
    return byIndex;
  }
}
