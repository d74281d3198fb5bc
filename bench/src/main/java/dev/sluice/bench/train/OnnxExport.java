package dev.sluice.bench.train;

import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bench.train.Architecture.Block;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.List;

/**
 * Writes a folded network of images as an ONNX model: input {@link HexDigits#INPUT}, {@code f32[N,
 * 1, side, side]} of light from 0 to 1, output {@link WeightedGraph#OUTPUT}, {@code f32[N,
 * classes]}.
 *
 * <p>Not thread-safe: one instance builds one graph.
 */
final class OnnxExport {
  private final WeightedGraph layers;
  private final OnnxGraph graph;

  private OnnxExport(Weights folded, String name, int side) {
    layers = new WeightedGraph(folded, name);
    graph = layers.graph();
    graph.input(HexDigits.INPUT, ElementType.FLOAT, 1, side, side);
  }

  /** See {@link Blueprint#export}. */
  static ModelProto model(
      Architecture architecture, Weights folded, String name, String description) {
    OnnxExport export = new OnnxExport(folded, name, architecture.side());
    export.end(export.residual(architecture));
    return export.graph.model(description);
  }

  /** See {@link Blueprint#export}. */
  static ModelProto model(Separable sizes, Weights folded, String name, String description) {
    OnnxExport export = new OnnxExport(folded, name, sizes.side());
    export.end(export.separable(sizes));
    return export.graph.model(description);
  }

  private String residual(Architecture architecture) {
    String value = relu("stem", layers.convolution("stem", HexDigits.INPUT, 1, 3, 1));
    int channels = architecture.stem();
    int number = 0;
    for (Block block : architecture.blocks()) {
      String prefix = Architecture.blockName(number++);
      String inner =
          relu(
              prefix + ".conv1",
              layers.convolution(prefix + ".conv1", value, channels, 3, block.stride()));
      String branch = layers.convolution(prefix + ".conv2", inner, block.channels(), 3, 1);
      boolean straight = block.stride() == 1 && channels == block.channels();
      String shortcut =
          straight
              ? value
              : layers.convolution(prefix + ".shortcut", value, channels, 1, block.stride());
      String sum = graph.node("Add", prefix + ".add", List.of(branch, shortcut));
      value = relu(prefix, sum);
      channels = block.channels();
    }
    return value;
  }

  private String separable(Separable sizes) {
    layers.scalar("relu6.min", 0);
    layers.scalar("relu6.max", Separable.CAP);
    String value = relu6("stem", layers.convolution("stem", HexDigits.INPUT, 1, 3, 1));
    int channels = sizes.stem();
    int number = 0;
    for (Block block : sizes.blocks()) {
      String depthwise = Architecture.blockName(number) + ".depthwise";
      String pointwise = Architecture.blockName(number++) + ".pointwise";
      value = relu6(depthwise, layers.depthwise(depthwise, value, channels, block.stride()));
      value = relu6(pointwise, layers.convolution(pointwise, value, channels, 1, 1));
      channels = block.channels();
    }
    return value;
  }

  private void end(String value) {
    String pooled = graph.node("GlobalAveragePool", "pool", List.of(value));
    layers.classifier(
        graph.node("Flatten", "flatten", List.of(pooled), OnnxGraph.integer("axis", 1)));
  }

  private String relu(String name, String in) {
    return graph.node("Relu", name + ".relu", List.of(in));
  }

  private String relu6(String name, String in) {
    return graph.node("Clip", name + ".relu6", List.of(in, "relu6.min", "relu6.max"));
  }
}
