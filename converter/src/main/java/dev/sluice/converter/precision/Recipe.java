package dev.sluice.converter.precision;

import dev.sluice.converter.calibrate.Bounds;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.TensorData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What both graphs of a package are made of: which layers have 8 bits, the bounds of the tensors,
 * and the weights.
 *
 * <p>Thread safety: immutable, but for the weights' readers.
 *
 * @param graph in FP32 that they are written over
 * @param layers that have 8 bits, in the order of the graph
 * @param bounds by tensor
 * @param weights of all layers, those of none of them included
 * @param corrections to be added to the biases, by layer; empty where there are none
 * @param data finds the bytes of the model's constants
 */
record Recipe(
    Graph graph,
    List<Layer> layers,
    Map<String, Bounds> bounds,
    LayerWeights weights,
    Map<String, float[]> corrections,
    TensorData data) {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  Recipe {
    layers = List.copyOf(layers);
    bounds = Map.copyOf(bounds);
    corrections = Map.copyOf(corrections);
  }

  /** This recipe with some of its layers only. */
  Recipe with(Set<String> keys) {
    return new Recipe(
        graph,
        layers.stream().filter(layer -> keys.contains(layer.key())).toList(),
        bounds,
        weights,
        corrections,
        data);
  }

  /** This recipe with other corrections of biases. */
  Recipe withCorrections(Map<String, float[]> others) {
    return new Recipe(graph, layers, bounds, weights, others, data);
  }

  /**
   * The bias of a layer by channel, corrected.
   *
   * @return null where it has none
   */
  float[] bias(Layer layer) throws IOException {
    float[] correction = corrections.get(layer.key());
    if (layer.bias() == null && correction == null) {
      return null;
    }
    int channels = weights.of(layer).scales().length;
    float[] bias = new float[channels];
    MemorySegment values =
        layer.bias() == null ? null : data.bytes(graph.initializers().get(layer.bias()));
    for (int channel = 0; channel < channels; channel++) {
      if (values != null) {
        boolean one = values.byteSize() == Float.BYTES;
        bias[channel] = values.get(F32, one ? 0 : (long) channel * Float.BYTES);
      }
      bias[channel] += correction == null ? 0 : correction[channel];
    }
    return bias;
  }
}
