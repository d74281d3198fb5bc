package dev.sluice.bench.train;

import com.google.protobuf.ByteString;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Trained layers as nodes of an {@link OnnxGraph}. A layer's node and constants bear its name.
 *
 * <p>Not thread-safe: one instance builds one graph.
 */
final class WeightedGraph {
  /** The models' output, {@code f32[N, classes]}. */
  static final String OUTPUT = "logits";

  private final Weights weights;
  private final OnnxGraph graph;

  /**
   * An empty graph.
   *
   * @param weights out of {@link FoldedWeights}
   * @param name of the graph
   */
  WeightedGraph(Weights weights, String name) {
    this.weights = weights;
    graph = new OnnxGraph(name);
  }

  /** The graph that the layers go to. */
  OnnxGraph graph() {
    return graph;
  }

  /** A convolution of all channels; see {@link Convolution}. */
  String convolution(String name, String in, int inputs, int kernel, int stride) {
    return convolution(name, in, inputs, kernel, stride, 1);
  }

  /** A convolution of each channel by itself; see {@link DepthwiseConvolution}. */
  String depthwise(String name, String in, int channels, int stride) {
    return convolution(name, in, 1, 3, stride, channels);
  }

  private String convolution(
      String name, String in, int inputs, int kernel, int stride, int group) {
    int outputs = weights.get(name + ".weight").length;
    String weight = matrix(name + ".weight", outputs, inputs, kernel, kernel);
    String bias = row(name + ".bias");
    return graph.node(
        "Conv", name, List.of(in, weight, bias), OnnxGraph.convolution(kernel, stride, group));
  }

  /** The classifier's linear map, whose scores are the graph's output; see {@link Classifier}. */
  void classifier(String features) {
    float[][] rows = weights.get("classifier.weight");
    graph.output(OUTPUT, ElementType.FLOAT, rows.length);
    String weight = matrix("classifier.weight", rows.length, rows[0].length);
    String bias = row("classifier.bias");
    graph.nodeTo(
        OUTPUT,
        "Gemm",
        "classifier",
        List.of(features, weight, bias),
        OnnxGraph.integer("transB", 1));
  }

  /** A linear map of the last axis; see {@link Linear}. */
  String linear(String name, String in) {
    float[][] rows = weights.get(name + ".weight");
    float[][] transposed = new float[rows[0].length][rows.length];
    MatrixProduct.transpose(rows, rows.length, rows[0].length, transposed);
    constant(name + ".weight", transposed, rows[0].length, rows.length);
    String product = graph.node("MatMul", name + ".matmul", List.of(in, name + ".weight"));
    return weights.all().containsKey(name + ".bias")
        ? graph.node("Add", name, List.of(row(name + ".bias"), product))
        : product;
  }

  /** A normalisation of the last axis; see {@link LayerNorm}. */
  String layerNorm(String name, String in) {
    return graph.node(
        "LayerNormalization",
        name,
        List.of(in, row(name + ".scale"), row(name + ".shift")),
        OnnxGraph.integer("axis", -1),
        OnnxGraph.real("epsilon", LayerNorm.EPSILON));
  }

  /** Adds one row of weights and returns its name. */
  String row(String name) {
    return matrix(name, weights.get(name)[0].length);
  }

  /** Adds weights as a constant of the given shape and returns their name. */
  String matrix(String name, long... shape) {
    return constant(name, weights.get(name), shape);
  }

  /** Adds a constant of the given shape and returns its name. */
  String constant(String name, float[][] rows, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(rows.length * rows[0].length * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    for (float[] row : rows) {
      for (float value : row) {
        bytes.putFloat(value);
      }
    }
    graph.initializer(
        OnnxGraph.tensor(name, ElementType.FLOAT, shape)
            .setRawData(ByteString.copyFrom(bytes.flip()))
            .build());
    return name;
  }

  /** Adds a list of whole numbers and returns its name. */
  String integers(String name, long... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(values);
    graph.initializer(
        OnnxGraph.tensor(name, ElementType.INT64, values.length)
            .setRawData(ByteString.copyFrom(bytes))
            .build());
    return name;
  }

  /** Adds a number without a shape and returns its name. */
  String scalar(String name, double value) {
    return constant(name, new float[][] {{(float) value}});
  }
}
