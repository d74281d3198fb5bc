package dev.sluice.bench.train;

import com.google.protobuf.ByteString;
import dev.sluice.bench.train.Architecture.Block;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Writes a folded network as an ONNX model: input {@link #INPUT}, {@code f32[N, 1, side, side]} of
 * light from 0 to 1, output {@link #OUTPUT}, {@code f32[N, classes]}.
 *
 * <p>Not thread-safe: one instance builds one graph.
 */
final class OnnxExport {
  static final String INPUT = "image";
  static final String OUTPUT = "logits";

  /** First version of the format that knows operator set 17. */
  private static final long IR_VERSION = 8;

  private static final long OPERATOR_SET = 17;

  private final Weights weights;
  private final GraphProto.Builder graph = GraphProto.newBuilder();

  private OnnxExport(Weights weights) {
    this.weights = weights;
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
    GraphProto graph = new OnnxExport(folded).graph(architecture, name);
    return ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .setProducerName("sluice")
        .setDocString(description)
        .setGraph(graph)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPERATOR_SET))
        .build();
  }

  private GraphProto graph(Architecture architecture, String name) {
    graph.setName(name);
    int side = architecture.side();
    graph.addInput(value(INPUT, 1, side, side));
    graph.addOutput(value(OUTPUT, architecture.classes()));
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
      String sum = node("Add", prefix + ".add", List.of(branch, shortcut));
      value = relu(prefix, sum);
      channels = block.channels();
    }
    String pooled = node("GlobalAveragePool", "pool", List.of(value));
    String flat = node("Flatten", "flatten", List.of(pooled), attribute("axis", 1));
    String weight = matrix("classifier.weight", architecture.classes(), channels);
    String bias = matrix("classifier.bias", architecture.classes());
    graph.addNode(
        nodeBuilder("Gemm", "classifier", List.of(flat, weight, bias), attribute("transB", 1))
            .addOutput(OUTPUT));
    return graph.build();
  }

  private String convolution(String name, String in, int inputs, int kernel, int stride) {
    int outputs = weights.get(name + ".weight").length;
    int padding = (kernel - 1) / 2;
    String weight = matrix(name + ".weight", outputs, inputs, kernel, kernel);
    String bias = matrix(name + ".bias", outputs);
    return node(
        "Conv",
        name,
        List.of(in, weight, bias),
        attribute("kernel_shape", kernel, kernel),
        attribute("strides", stride, stride),
        attribute("pads", padding, padding, padding, padding));
  }

  private String relu(String name, String in) {
    return node("Relu", name + ".relu", List.of(in));
  }

  /** Adds a node with one output and returns that output's name. */
  private String node(
      String operator, String name, List<String> inputs, AttributeProto... attributes) {
    String output = name + ".out";
    graph.addNode(nodeBuilder(operator, name, inputs, attributes).addOutput(output));
    return output;
  }

  private static NodeProto.Builder nodeBuilder(
      String operator, String name, List<String> inputs, AttributeProto... attributes) {
    return NodeProto.newBuilder()
        .setOpType(operator)
        .setName(name)
        .addAllInput(inputs)
        .addAllAttribute(List.of(attributes));
  }

  private static AttributeProto attribute(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  private static AttributeProto attribute(String name, long... values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INTS)
        .addAllInts(LongStream.of(values).boxed().toList())
        .build();
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
    graph.addInitializer(
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(TensorProto.DataType.FLOAT_VALUE)
            .addAllDims(LongStream.of(shape).boxed().toList())
            .setRawData(ByteString.copyFrom(bytes.flip())));
    return name;
  }

  private static ValueInfoProto value(String name, long... sizes) {
    TensorShapeProto.Builder shape =
        TensorShapeProto.newBuilder()
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimParam("N"));
    for (long size : sizes) {
      shape.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(size));
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder()
                        .setElemType(TensorProto.DataType.FLOAT_VALUE)
                        .setShape(shape)))
        .build();
  }
}
