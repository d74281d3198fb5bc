package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.util.Set;
import java.util.function.IntUnaryOperator;

/**
 * A model in whose types, constants and attributes one element type stands for another of as many
 * bits. The bytes of constants stay as they are, so it is good for asking for types, and not for
 * running.
 *
 * <p>Thread safety: stateless.
 */
final class TypeSubstitution {
  /** Attributes that hold the code of an element type. */
  private static final Set<String> CODES = Set.of("to", "dtype", "output_dtype", "output_datatype");

  private final IntUnaryOperator change;

  private TypeSubstitution(IntUnaryOperator change) {
    this.change = change;
  }

  /** Whether a type occurs. */
  static boolean has(ModelProto model, ElementType type) {
    boolean[] found = {false};
    new TypeSubstitution(
            code -> {
              found[0] |= code == type.code();
              return code;
            })
        .model(model.toBuilder());
    return found[0];
  }

  /** The model with {@code type} instead of {@code old}. */
  static ModelProto of(ModelProto model, ElementType old, ElementType type) {
    ModelProto.Builder builder = model.toBuilder();
    new TypeSubstitution(code -> code == old.code() ? type.code() : code).model(builder);
    return builder.build();
  }

  private void model(ModelProto.Builder model) {
    graph(model.getGraphBuilder());
    for (FunctionProto.Builder function : model.getFunctionsBuilderList()) {
      function.getNodeBuilderList().forEach(this::node);
      function.getAttributeProtoBuilderList().forEach(this::attribute);
    }
  }

  private void graph(GraphProto.Builder graph) {
    graph.getNodeBuilderList().forEach(this::node);
    graph.getInitializerBuilderList().forEach(this::tensor);
    graph.getSparseInitializerBuilderList().forEach(sparse -> tensor(sparse.getValuesBuilder()));
    graph.getInputBuilderList().forEach(this::value);
    graph.getOutputBuilderList().forEach(this::value);
    graph.getValueInfoBuilderList().forEach(this::value);
  }

  private void node(NodeProto.Builder node) {
    node.getAttributeBuilderList().forEach(this::attribute);
  }

  private void attribute(AttributeProto.Builder attribute) {
    if (attribute.getType() == AttributeProto.AttributeType.INT
        && CODES.contains(attribute.getName())) {
      attribute.setI(change.applyAsInt((int) attribute.getI()));
    }
    if (attribute.hasT()) {
      tensor(attribute.getTBuilder());
    }
    attribute.getTensorsBuilderList().forEach(this::tensor);
    if (attribute.hasG()) {
      graph(attribute.getGBuilder());
    }
    attribute.getGraphsBuilderList().forEach(this::graph);
    if (attribute.hasTp()) {
      type(attribute.getTpBuilder());
    }
  }

  private void tensor(TensorProto.Builder tensor) {
    tensor.setDataType(change.applyAsInt(tensor.getDataType()));
  }

  private void value(ValueInfoProto.Builder value) {
    if (value.hasType()) {
      type(value.getTypeBuilder());
    }
  }

  private void type(TypeProto.Builder type) {
    switch (type.getValueCase()) {
      case TENSOR_TYPE -> {
        TypeProto.Tensor.Builder tensor = type.getTensorTypeBuilder();
        tensor.setElemType(change.applyAsInt(tensor.getElemType()));
      }
      case SEQUENCE_TYPE -> type(type.getSequenceTypeBuilder().getElemTypeBuilder());
      case OPTIONAL_TYPE -> type(type.getOptionalTypeBuilder().getElemTypeBuilder());
      case SPARSE_TENSOR_TYPE -> {
        TypeProto.SparseTensor.Builder tensor = type.getSparseTensorTypeBuilder();
        tensor.setElemType(change.applyAsInt(tensor.getElemType()));
      }
      default -> {
        // Maps and opaque types hold none that are replaced.
      }
    }
  }
}
