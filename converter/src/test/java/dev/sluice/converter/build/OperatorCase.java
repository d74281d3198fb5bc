package dev.sluice.converter.build;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A model of one node with its inputs, and what is expected of it. Outputs are declared without a
 * shape, so that ONNX Runtime's inference or a run has to tell it.
 */
final class OperatorCase {
  private final String name;
  private final String op;
  private final OnnxGraphs graph;
  private final List<String> nodeInputs = new ArrayList<>();
  private final List<String> nodeOutputs = new ArrayList<>();
  private final List<AttributeProto> attributes = new ArrayList<>();
  private final List<PlainTensor> inputs = new ArrayList<>();
  private final List<PlainTensor> expected = new ArrayList<>();
  private String refusal;
  private boolean rows;

  private OperatorCase(String op, int opset, String what) {
    this.name = op + "-" + opset + (what.isEmpty() ? "" : " " + what);
    this.op = op;
    this.graph = new OnnxGraphs().opset(opset).irVersion(opset < 23 ? 10 : 11);
  }

  /**
   * A case.
   *
   * @param opset version of the standard's operators
   * @param what it tests, beside the operator
   */
  static OperatorCase operator(String op, int opset, String what) {
    return new OperatorCase(op, opset, what);
  }

  /** From here on axis 0 of inputs is dynamic, and batching has to be proven. */
  OperatorCase rows() {
    rows = true;
    return this;
  }

  OperatorCase in(PlainTensor tensor) {
    String input = "x" + nodeInputs.size();
    Object[] dims = new Object[tensor.shape().rank()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = rows && i == 0 ? "N" : (Object) (int) tensor.shape().dim(i);
    }
    graph.input(input, tensor.type(), dims);
    nodeInputs.add(input);
    inputs.add(tensor);
    return this;
  }

  /** An input that is part of the model. */
  OperatorCase constant(PlainTensor tensor) {
    String input = "c" + nodeInputs.size();
    TensorProto.Builder proto =
        TensorProto.newBuilder().setName(input).setDataType(tensor.type().code());
    for (long dim : tensor.shape().dims()) {
      proto.addDims(dim);
    }
    if (tensor.type() == ElementType.STRING) {
      tensor.strings().forEach(text -> proto.addStringData(ByteString.copyFromUtf8(text)));
    } else {
      proto.setRawData(ByteString.copyFrom(tensor.data().toArray(ValueLayout.JAVA_BYTE)));
    }
    graph.initializer(proto.build());
    nodeInputs.add(input);
    return this;
  }

  /** An optional input that is left out. */
  OperatorCase none() {
    nodeInputs.add("");
    return this;
  }

  OperatorCase with(AttributeProto attribute) {
    attributes.add(attribute);
    return this;
  }

  /** One more output, which has to be this. */
  OperatorCase gives(PlainTensor tensor) {
    expected.add(tensor);
    return out(tensor.type());
  }

  /** One more output, which has to be what ONNX Runtime alone makes of the model. */
  OperatorCase out(ElementType type) {
    String output = "y" + nodeOutputs.size();
    graph.output(
        output,
        TypeProto.newBuilder()
            .setTensorType(TypeProto.Tensor.newBuilder().setElemType(type.code()))
            .build());
    nodeOutputs.add(output);
    return this;
  }

  /** ONNX Runtime 1.29.0 does not have this on the CPU. */
  OperatorCase lacking() {
    return lacking("Could not find an implementation for " + op);
  }

  /** ONNX Runtime 1.29.0 refuses this with a message that holds {@code text}. */
  OperatorCase lacking(String text) {
    refusal = text;
    return this;
  }

  /** The model; to be asked for once. */
  OnnxGraphs graph() {
    return graph.node(op, nodeInputs, nodeOutputs, attributes.toArray(AttributeProto[]::new));
  }

  List<PlainTensor> inputs() {
    return inputs;
  }

  /** One for each output, or none. */
  List<PlainTensor> expected() {
    return expected;
  }

  /** What ONNX Runtime's refusal says; null where it runs the model. */
  String refusal() {
    return refusal;
  }

  boolean hasRows() {
    return rows;
  }

  static PlainTensor floats(Shape shape, float... values) {
    return PlainTensor.of(ElementType.FLOAT, shape, MemorySegment.ofArray(values));
  }

  /** A vector. */
  static PlainTensor longs(long... values) {
    return PlainTensor.of(
        ElementType.INT64, Shape.of(values.length), MemorySegment.ofArray(values));
  }

  static PlainTensor bytes(ElementType type, Shape shape, int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return PlainTensor.of(type, shape, MemorySegment.ofArray(bytes));
  }

  static PlainTensor shorts(ElementType type, Shape shape, int... values) {
    short[] shorts = new short[values.length];
    for (int i = 0; i < shorts.length; i++) {
      shorts[i] = (short) values[i];
    }
    return PlainTensor.of(type, shape, MemorySegment.ofArray(shorts));
  }

  static PlainTensor texts(String... values) {
    return PlainTensor.ofStrings(Shape.of(values.length), List.of(values));
  }

  /** 0, 1, 2 … times a step. */
  static PlainTensor ramp(float step, long... dims) {
    Shape shape = Shape.of(dims);
    float[] values = new float[Math.toIntExact(shape.elementCount())];
    for (int i = 0; i < values.length; i++) {
      values[i] = i * step;
    }
    return floats(shape, values);
  }

  @Override
  public String toString() {
    return name;
  }
}
