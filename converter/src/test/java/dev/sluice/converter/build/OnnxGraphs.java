package dev.sluice.converter.build;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** Writes small ONNX models for tests. */
public final class OnnxGraphs {
  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("test");
  private final ModelProto.Builder model = ModelProto.newBuilder();
  private long irVersion = 8;
  private long opset = 17;

  /** A dimension: a number, a symbol, or the empty string for an anonymous dynamic one. */
  private static TypeProto type(ElementType type, Object... dims) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (Object dim : dims) {
      TensorShapeProto.Dimension.Builder builder = shape.addDimBuilder();
      if (dim instanceof Integer number) {
        builder.setDimValue(number);
      } else if (!dim.equals("")) {
        builder.setDimParam((String) dim);
      }
    }
    return TypeProto.newBuilder()
        .setTensorType(TypeProto.Tensor.newBuilder().setElemType(type.code()).setShape(shape))
        .build();
  }

  public OnnxGraphs irVersion(long version) {
    irVersion = version;
    return this;
  }

  public OnnxGraphs opset(long version) {
    opset = version;
    return this;
  }

  public OnnxGraphs input(String name, ElementType type, Object... dims) {
    graph.addInput(ValueInfoProto.newBuilder().setName(name).setType(type(type, dims)));
    return this;
  }

  public OnnxGraphs output(String name, ElementType type, Object... dims) {
    graph.addOutput(ValueInfoProto.newBuilder().setName(name).setType(type(type, dims)));
    return this;
  }

  /** An input without a shape, or of another kind than a tensor. */
  OnnxGraphs input(String name, TypeProto type) {
    graph.addInput(ValueInfoProto.newBuilder().setName(name).setType(type));
    return this;
  }

  /** An output without a shape, or of another kind than a tensor. */
  OnnxGraphs output(String name, TypeProto type) {
    graph.addOutput(ValueInfoProto.newBuilder().setName(name).setType(type));
    return this;
  }

  /** A float initializer of seeded normal numbers, in raw form. */
  public OnnxGraphs weights(String name, long seed, long... dims) {
    int count = 1;
    TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(1);
    for (long dim : dims) {
      tensor.addDims(dim);
      count *= (int) dim;
    }
    Random random = new Random(seed);
    ByteBuffer bytes = ByteBuffer.allocate(count * 4).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      bytes.putFloat((float) random.nextGaussian());
    }
    return initializer(tensor.setRawData(ByteString.copyFrom(bytes.flip())).build());
  }

  /** A float initializer of numbers between 0.5 and 1.5: variances, say. */
  OnnxGraphs positive(String name, long seed, long... dims) {
    weights(name, seed, dims);
    TensorProto.Builder tensor = graph.getInitializerBuilder(graph.getInitializerCount() - 1);
    Random random = new Random(seed);
    int count = tensor.getRawData().size() / 4;
    tensor.clearRawData();
    for (int i = 0; i < count; i++) {
      tensor.addFloatData(0.5f + random.nextFloat());
    }
    return this;
  }

  /** A BatchNormalization of seeded parameters. */
  OnnxGraphs norm(String input, String output, long seed, int channels) {
    return positive(output + "_scale", seed, channels)
        .weights(output + "_bias", seed + 1, channels)
        .weights(output + "_mean", seed + 2, channels)
        .positive(output + "_variance", seed + 3, channels)
        .node(
            "BatchNormalization",
            List.of(
                input, output + "_scale", output + "_bias", output + "_mean", output + "_variance"),
            List.of(output));
  }

  /** An int64 initializer of one axis. */
  public OnnxGraphs numbers(String name, long... values) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(7).addDims(values.length);
    for (long value : values) {
      tensor.addInt64Data(value);
    }
    return initializer(tensor.build());
  }

  public OnnxGraphs initializer(TensorProto tensor) {
    graph.addInitializer(tensor);
    return this;
  }

  public OnnxGraphs node(
      String op, List<String> inputs, List<String> outputs, AttributeProto... attrs) {
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType(op)
            .setName(op + graph.getNodeCount())
            .addAllInput(inputs)
            .addAllOutput(outputs)
            .addAllAttribute(List.of(attrs)));
    return this;
  }

  /** What the exporter says of itself. */
  OnnxGraphs producer(String name, String version) {
    model.setProducerName(name).setProducerVersion(version);
    return this;
  }

  /** Operators of another domain than the standard's. */
  public OnnxGraphs domain(String name, long version) {
    model.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(name).setVersion(version));
    return this;
  }

  OnnxGraphs metadata(String key, String value) {
    model.addMetadataProps(StringStringEntryProto.newBuilder().setKey(key).setValue(value));
    return this;
  }

  OnnxGraphs function(FunctionProto function) {
    model.addFunctions(function);
    return this;
  }

  /** A node of a name of its own, of {@code Operator} or {@code domain::Operator}. */
  public OnnxGraphs named(
      String name,
      String op,
      List<String> inputs,
      List<String> outputs,
      AttributeProto... attributes) {
    int split = op.lastIndexOf("::");
    node(op.substring(split < 0 ? 0 : split + 2), inputs, outputs, attributes);
    lastNode().setName(name).setDomain(split < 0 ? "" : op.substring(0, split));
    return this;
  }

  NodeProto.Builder lastNode() {
    return graph.getNodeBuilder(graph.getNodeCount() - 1);
  }

  /** A Constant node of int64 numbers, or of the one number without a dimension. */
  OnnxGraphs constant(String name, String output, boolean scalar, long... values) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setDataType(7);
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      bytes.putLong(value);
    }
    if (!scalar) {
      tensor.addDims(values.length);
    }
    return constant(name, output, tensor.setRawData(ByteString.copyFrom(bytes.flip())));
  }

  /** A Constant node of one real number without a dimension. */
  OnnxGraphs constant(String name, String output, float value) {
    return constant(name, output, TensorProto.newBuilder().setDataType(1).addFloatData(value));
  }

  private OnnxGraphs constant(String name, String output, TensorProto.Builder tensor) {
    AttributeProto value =
        AttributeProto.newBuilder()
            .setName("value")
            .setType(AttributeProto.AttributeType.TENSOR)
            .setT(tensor)
            .build();
    return named(name, "Constant", List.of(), List.of(output), value);
  }

  public static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  static AttributeProto decimal(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  public static AttributeProto text(String name, String value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.STRING)
        .setS(ByteString.copyFromUtf8(value))
        .build();
  }

  public static AttributeProto integers(String name, Long... values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INTS)
        .addAllInts(List.of(values))
        .build();
  }

  static AttributeProto decimals(String name, Float... values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOATS)
        .addAllFloats(List.of(values))
        .build();
  }

  /** A subgraph. */
  public static AttributeProto body(String name, OnnxGraphs body) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.GRAPH)
        .setG(body.graph)
        .build();
  }

  ModelProto model() {
    return model
        .clone()
        .setIrVersion(irVersion)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset))
        .setGraph(graph)
        .build();
  }

  public Path write(Path file) throws IOException {
    return Files.write(file, model().toByteArray());
  }

  /** y[N,6] = x[N,20] * w, with w of 20 x 6: 480 bytes, or of more columns. */
  static OnnxGraphs matMul(int columns) {
    return new OnnxGraphs()
        .input("x", ElementType.FLOAT, "N", 20)
        .output("y", ElementType.FLOAT, "N", columns)
        .weights("w", 1, 20, columns)
        .node("MatMul", List.of("x", "w"), List.of("y"));
  }
}
