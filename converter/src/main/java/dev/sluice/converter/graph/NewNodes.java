package dev.sluice.converter.graph;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * Nodes and small constants that come into a graph for the sake of a node that is there, whose
 * first output gives them their names. Equal constants are one.
 *
 * <p>Thread safety: used by one thread.
 */
final class NewNodes {
  private final UnaryOperator<String> names;

  /** Without a name, and the name that each has. */
  private final Map<TensorProto, String> constants = new LinkedHashMap<>();

  /**
   * No nodes yet.
   *
   * @param names makes a name that no value has of one that is wished for
   */
  NewNodes(UnaryOperator<String> names) {
    this.names = names;
  }

  /** A name for a value. */
  String name(NodeProto node, String suffix) {
    String output = node.getOutputList().stream().filter(o -> !o.isEmpty()).findFirst().orElse("");
    return names.apply(output + "_" + suffix);
  }

  /** A node of one output. */
  NodeProto node(
      NodeProto node, String op, List<String> inputs, String suffix, AttributeProto... attributes) {
    String output = name(node, suffix);
    return NodeProto.newBuilder()
        .setName(output)
        .setOpType(op)
        .addAllInput(inputs)
        .addOutput(output)
        .addAllAttribute(List.of(attributes))
        .build();
  }

  /** The name of a vector of int64. */
  String vector(NodeProto node, String suffix, long... values) {
    return constant(node, suffix, Numbers.vector("", values));
  }

  /** The name of a real number without a dimension. */
  String scalar(NodeProto node, String suffix, ElementType type, double value) {
    return constant(node, suffix, reals(type, value).build());
  }

  /** The name of a vector of float32. */
  String floats(NodeProto node, String suffix, List<Float> values) {
    double[] reals = values.stream().mapToDouble(Float::doubleValue).toArray();
    return constant(node, suffix, reals(ElementType.FLOAT, reals).addDims(reals.length).build());
  }

  private static TensorProto.Builder reals(ElementType type, double... values) {
    byte[] bytes = new byte[Math.toIntExact(type.byteSize(values.length))];
    for (int i = 0; i < values.length; i++) {
      Reals.set(type, MemorySegment.ofArray(bytes), i, values[i]);
    }
    return TensorProto.newBuilder().setDataType(type.code()).setRawData(ByteString.copyFrom(bytes));
  }

  /** The name of a constant, which itself has none. */
  String constant(NodeProto node, String suffix, TensorProto tensor) {
    return constants.computeIfAbsent(tensor, _ -> name(node, suffix));
  }

  /** The constants that have been asked for. */
  List<TensorProto> constants() {
    List<TensorProto> named = new ArrayList<>();
    constants.forEach((tensor, name) -> named.add(tensor.toBuilder().setName(name).build()));
    return named;
  }
}
