package dev.sluice.bench.onnx;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Puts an ONNX graph together. Axis 0 of every input and output is the batch: the symbol {@value
 * #BATCH}, or a number.
 *
 * <p>Thread safety: none; one instance builds one graph.
 */
public final class OnnxGraph {
  /** The symbol of the batch dimension. */
  public static final String BATCH = "N";

  /** First version of the format that knows operator set 17. */
  private static final long IR_VERSION = 8;

  /** The first with LayerNormalization. */
  private static final long OPERATOR_SET = 17;

  private final GraphProto.Builder graph = GraphProto.newBuilder();
  private final long batch;

  /**
   * An empty graph of a dynamic batch.
   *
   * @param name of the graph
   */
  public OnnxGraph(String name) {
    this(name, Shape.DYNAMIC);
  }

  /**
   * An empty graph.
   *
   * @param name of the graph
   * @param batch rows of every input and output, or {@link Shape#DYNAMIC}
   */
  public OnnxGraph(String name, long batch) {
    graph.setName(name);
    this.batch = batch;
  }

  /** Adds an input; {@code rowSizes} are its dimensions after the batch. */
  public void input(String name, ElementType type, long... rowSizes) {
    graph.addInput(value(name, type, rowSizes));
  }

  /** Adds an output; {@code rowSizes} are its dimensions after the batch. */
  public void output(String name, ElementType type, long... rowSizes) {
    graph.addOutput(value(name, type, rowSizes));
  }

  /** Adds a node and returns its output's name: the node's, and {@code .out}. */
  public String node(
      String operator, String name, List<String> inputs, AttributeProto... attributes) {
    String output = name + ".out";
    nodeTo(output, operator, name, inputs, attributes);
    return output;
  }

  /** Adds a node whose output has a name of its own, as an output of the graph has. */
  public void nodeTo(
      String output,
      String operator,
      String name,
      List<String> inputs,
      AttributeProto... attributes) {
    nodeTo(List.of(output), operator, name, inputs, attributes);
  }

  /** Adds a node of several outputs. */
  public void nodeTo(
      List<String> outputs,
      String operator,
      String name,
      List<String> inputs,
      AttributeProto... attributes) {
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType(operator)
            .setName(name)
            .addAllInput(inputs)
            .addAllAttribute(List.of(attributes))
            .addAllOutput(outputs));
  }

  /** Adds a constant. */
  public void initializer(TensorProto tensor) {
    graph.addInitializer(tensor);
  }

  /** A constant of the given shape, without its elements. */
  public static TensorProto.Builder tensor(String name, ElementType type, long... shape) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(type.code())
        .addAllDims(LongStream.of(shape).boxed().toList());
  }

  /** An attribute that is one integer. */
  public static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  /** An attribute that is a list of integers. */
  public static AttributeProto integers(String name, long... values) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INTS)
        .addAllInts(LongStream.of(values).boxed().toList())
        .build();
  }

  /** An attribute that is a text. */
  public static AttributeProto text(String name, String value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.STRING)
        .setS(ByteString.copyFromUtf8(value))
        .build();
  }

  /** An attribute that is one number. */
  public static AttributeProto real(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  /**
   * The attributes of a convolution.
   *
   * @param group how many parts the channels are split into; left out where it is 1
   */
  public static AttributeProto[] convolution(int kernel, int stride, int group) {
    int padding = (kernel - 1) / 2;
    AttributeProto shape = integers("kernel_shape", kernel, kernel);
    AttributeProto strides = integers("strides", stride, stride);
    AttributeProto pads = integers("pads", padding, padding, padding, padding);
    return group == 1
        ? new AttributeProto[] {shape, strides, pads}
        : new AttributeProto[] {shape, strides, pads, integer("group", group)};
  }

  /**
   * The model of what was added so far.
   *
   * @param description for people
   */
  public ModelProto model(String description) {
    return ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .setProducerName("sluice")
        .setDocString(description)
        .setGraph(graph)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPERATOR_SET))
        .build();
  }

  private ValueInfoProto value(String name, ElementType type, long... rowSizes) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    if (batch == Shape.DYNAMIC) {
      shape.addDimBuilder().setDimParam(BATCH);
    } else {
      shape.addDimBuilder().setDimValue(batch);
    }
    for (long size : rowSizes) {
      shape.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(size));
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder().setElemType(type.code()).setShape(shape)))
        .build();
  }
}
