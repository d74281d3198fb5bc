package dev.sluice.bench.train;

import com.google.protobuf.ByteString;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bench.train.Architecture.Block;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Writes a folded network as an ONNX model: input {@link #INPUT}, {@code f32[N, 1, side, side]} of
 * light from 0 to 1, output {@link #OUTPUT}, {@code f32[N, classes]}.
 *
 * <p>Not thread-safe: one instance builds one graph.
 */
final class OnnxExport {
  static final String INPUT = "image";
  static final String OUTPUT = "logits";

  private final Weights weights;
  private final OnnxGraph graph;

  private OnnxExport(Weights weights, String name) {
    this.weights = weights;
    graph = new OnnxGraph(name);
  }

  /**
   * Builds the model.
   *
   * @param folded weights out of {@link FoldedWeights}
   * @param name of the graph
   * @param description for people
   */
  static ModelProto model(
      Architecture architecture, Weights folded, String name, String description) {
    OnnxExport export = new OnnxExport(folded, name);
    export.add(architecture);
    return export.graph.model(description);
  }

  private void add(Architecture architecture) {
    int side = architecture.side();
    graph.input(INPUT, ElementType.FLOAT, 1, side, side);
    graph.output(OUTPUT, ElementType.FLOAT, architecture.classes());
    String value = relu("stem", convolution("stem", INPUT, 1, 3, 1));
    int channels = architecture.stem();
    int number = 0;
    for (Block block : architecture.blocks()) {
      String prefix = Architecture.blockName(number++);
      String inner =
          relu(
              prefix + ".conv1",
              convolution(prefix + ".conv1", value, channels, 3, block.stride()));
      String branch = convolution(prefix + ".conv2", inner, block.channels(), 3, 1);
      boolean straight = block.stride() == 1 && channels == block.channels();
      String shortcut =
          straight ? value : convolution(prefix + ".shortcut", value, channels, 1, block.stride());
      String sum = graph.node("Add", prefix + ".add", List.of(branch, shortcut));
      value = relu(prefix, sum);
      channels = block.channels();
    }
    String pooled = graph.node("GlobalAveragePool", "pool", List.of(value));
    String flat = graph.node("Flatten", "flatten", List.of(pooled), OnnxGraph.integer("axis", 1));
    String weight = matrix("classifier.weight", architecture.classes(), channels);
    String bias = matrix("classifier.bias", architecture.classes());
    graph.nodeTo(
        OUTPUT, "Gemm", "classifier", List.of(flat, weight, bias), OnnxGraph.integer("transB", 1));
  }

  private String convolution(String name, String in, int inputs, int kernel, int stride) {
    int outputs = weights.get(name + ".weight").length;
    String weight = matrix(name + ".weight", outputs, inputs, kernel, kernel);
    String bias = matrix(name + ".bias", outputs);
    return graph.node(
        "Conv", name, List.of(in, weight, bias), OnnxGraph.convolution(kernel, stride, 1));
  }

  private String relu(String name, String in) {
    return graph.node("Relu", name + ".relu", List.of(in));
  }

  /** Adds weights as an initializer of the given shape and returns their name. */
  private String matrix(String name, long... shape) {
    float[][] rows = weights.get(name);
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
}
