package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OnnxType;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Asks ONNX Runtime for the types and shapes of all values of a graph: a session whose outputs are
 * every value. Large constants become inputs of known shape, so that no weight is read, copied or
 * looked for; small ones stay, since shapes are computed from them. What the model declares of
 * values between its inputs and outputs is left out: exporters get it wrong. A model of BFLOAT16 is
 * asked for as one of FLOAT16.
 *
 * <p>Thread safety: stateless.
 */
final class TypeInference {
  /** Constants from here on tell nothing about shapes. */
  static final long LARGE_BYTES = 1024;

  /** Since this version an initializer that is an input, too, is only what it is by default. */
  private static final long IR_WITH_DEFAULTS = 4;

  private TypeInference() {}

  /**
   * The tensors of a graph by name, those that have a type.
   *
   * @throws NativeException when ONNX Runtime refuses the model
   * @throws UnsupportedOperationException when a value has an element type that has no name here
   */
  static Map<String, OnnxModel.Value> infer(ModelProto model, List<Path> customOps) {
    Map<String, OnnxModel.Value> types = new HashMap<>();
    ModelProto bare = bare(model);
    // ONNX Runtime's CPU has few operators of BFLOAT16, but all of FLOAT16.
    boolean twin =
        TypeSubstitution.has(bare, ElementType.BFLOAT16)
            && !TypeSubstitution.has(bare, ElementType.FLOAT16);
    byte[] bytes =
        (twin ? TypeSubstitution.of(bare, ElementType.BFLOAT16, ElementType.FLOAT16) : bare)
            .toByteArray();
    try (OrtSession session =
        open(bytes, customOps, "the types of " + model.getGraph().getName())) {
      session.outputs().forEach(info -> add(types, info));
      session.inputs().forEach(info -> add(types, info));
    }
    if (twin) {
      types.replaceAll((name, value) ->
          value.type() == ElementType.FLOAT16
              ? new OnnxModel.Value(name, ElementType.BFLOAT16, value.dims())
              : value);
    }
    for (TensorProto tensor : model.getGraph().getInitializerList()) {
      ElementType type = type(tensor);
      if (type != null) {
        types.put(tensor.getName(), value(tensor.getName(), type, tensor.getDimsList(), List.of()));
      }
    }
    return types;
  }

  /** A session that leaves the graph as it is, and prepares nothing for speed. */
  static OrtSession open(byte[] model, List<Path> customOps, String label) {
    return OrtSession.open(
        OrtEnvironment.shared(),
        MemorySegment.ofArray(model),
        OrtSessionOptions.defaults()
            .withOptimization(OrtSessionOptions.Optimization.NONE)
            .withCustomOps(customOps)
            .withConfig(Map.of("session.disable_prepacking", "1")),
        label);
  }

  private static void add(Map<String, OnnxModel.Value> types, OrtValueInfo info) {
    if (info.kind() == OnnxType.TENSOR) {
      types.put(
          info.name(),
          info.hasShape()
              ? value(info.name(), info.type(), info.dims(), info.symbols())
              : new OnnxModel.Value(info.name(), info.type(), null));
    }
  }

  private static OnnxModel.Value value(
      String name, ElementType type, List<Long> extents, List<String> symbols) {
    List<OnnxModel.Dim> dims = new ArrayList<>();
    for (int axis = 0; axis < extents.size(); axis++) {
      long extent = extents.get(axis);
      dims.add(
          extent >= 0
              ? new OnnxModel.Dim(extent, "")
              : new OnnxModel.Dim(Shape.DYNAMIC, symbols.isEmpty() ? "" : symbols.get(axis)));
    }
    return new OnnxModel.Value(name, type, dims);
  }

  private static ModelProto bare(ModelProto model) {
    GraphProto source = model.getGraph();
    GraphProto.Builder graph =
        source.toBuilder().clearInitializer().clearNode().clearOutput().clearValueInfo();
    if (model.getIrVersion() >= IR_WITH_DEFAULTS) {
      // What is listed as an input, too, could be given by a caller, so nothing follows from it.
      Set<String> constants = new HashSet<>();
      source.getInitializerList().forEach(tensor -> constants.add(tensor.getName()));
      graph.clearInput();
      source.getInputList().stream()
          .filter(input -> !constants.contains(input.getName()))
          .forEach(graph::addInput);
    }
    Set<String> given = new HashSet<>();
    graph.getInputList().forEach(input -> given.add(input.getName()));
    for (TensorProto tensor : source.getInitializerList()) {
      if (!isLarge(tensor)) {
        graph.addInitializer(tensor);
      } else if (given.add(tensor.getName())) {
        graph.addInput(declared(tensor.getName(), tensor));
      }
    }
    Set<String> shown = new HashSet<>(given);
    Set<String> names = new HashSet<>(given);
    source.getInitializerList().forEach(tensor -> names.add(tensor.getName()));
    source.getNodeList().forEach(node -> names.addAll(node.getOutputList()));
    for (NodeProto node : source.getNodeList()) {
      TensorProto constant = constant(node);
      if (constant != null && isLarge(constant)) {
        graph.addInput(declared(node.getOutput(0), constant));
        shown.add(node.getOutput(0));
        continue;
      }
      sized(node, names).forEach(graph::addNode);
      for (String output : node.getOutputList()) {
        if (!output.isEmpty() && shown.add(output)) {
          // Without a type: ONNX Runtime says which it has.
          graph.addOutput(ValueInfoProto.newBuilder().setName(output));
        }
      }
    }
    if (graph.getOutputCount() == 0) {
      graph.addAllOutput(source.getOutputList());
    }
    return model.toBuilder().setGraph(graph).build();
  }

  /**
   * What stands for a node. ONNX Runtime 1.29.0 infers that the Size of a Shape is the product of
   * its elements, where it is their number. Of a ReduceProd it infers no elements.
   *
   * @param names of all values; what is new is added
   */
  private static List<NodeProto> sized(NodeProto node, Set<String> names) {
    if (!Graph.isStandard(node)
        || !node.getOpType().equals("Size")
        || node.getInputCount() != 1
        || node.getOutputCount() != 1) {
      return List.of(node);
    }
    String dims = node.getOutput(0) + "/dims";
    while (!names.add(dims)) {
      dims += "_";
    }
    return List.of(
        node.toBuilder().setName("").setOpType("Shape").setOutput(0, dims).build(),
        NodeProto.newBuilder()
            .setOpType("ReduceProd")
            .addInput(dims)
            .addOutput(node.getOutput(0))
            .addAttribute(
                AttributeProto.newBuilder()
                    .setName("keepdims")
                    .setType(AttributeProto.AttributeType.INT)
                    .setI(0))
            .build());
  }

  /** The tensor that a Constant node holds, or null. */
  static TensorProto constant(NodeProto node) {
    if (!node.getOpType().equals("Constant")
        || !Graph.isStandard(node)
        || node.getOutputCount() != 1
        || node.getAttributeCount() != 1) {
      return null;
    }
    AttributeProto value = node.getAttribute(0);
    TensorProto.Builder reals = TensorProto.newBuilder().setDataType(ElementType.FLOAT.code());
    return switch (value.getName()) {
      case "value" -> value.hasT() ? value.getT() : null;
      case "value_float" -> reals.addFloatData(value.getF()).build();
      case "value_floats" ->
          reals.addDims(value.getFloatsCount()).addAllFloatData(value.getFloatsList()).build();
      default -> null;
    };
  }

  /** Whether the elements tell nothing about shapes, or lie in another file. */
  static boolean isLarge(TensorProto tensor) {
    if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      return true;
    }
    ElementType type = type(tensor);
    return type != null && type != ElementType.STRING && sizeBytes(type, tensor) >= LARGE_BYTES;
  }

  static ElementType type(TensorProto tensor) {
    try {
      return ElementType.ofCode(tensor.getDataType());
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** Bytes of a tensor; more than there can be for an absurd shape. */
  static long sizeBytes(ElementType type, TensorProto tensor) {
    if (tensor.getDimsList().stream().anyMatch(dim -> dim < 0)) {
      return Long.MAX_VALUE;
    }
    try {
      return type.byteSize(
          Shape.of(tensor.getDimsList().stream().mapToLong(Long::longValue).toArray())
              .elementCount());
    } catch (ArithmeticException e) {
      return Long.MAX_VALUE; // refused where its bytes are needed
    }
  }

  private static ValueInfoProto declared(String name, TensorProto tensor) {
    return declared(
        name,
        tensor.getDataType(),
        tensor.getDimsList().stream().mapToLong(Long::longValue).toArray());
  }

  /** A value as it was inferred, of any name. */
  static ValueInfoProto declared(OnnxModel.Value value) {
    int type = value.type().code();
    if (!value.isRanked() || value.shape().isStatic()) {
      return declared("", type, value.isRanked() ? value.shape().dims() : null);
    }
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (OnnxModel.Dim dim : value.dims()) {
      shape.addDim(
          dim.extent() >= 0
              ? TensorShapeProto.Dimension.newBuilder().setDimValue(dim.extent())
              : TensorShapeProto.Dimension.newBuilder().setDimParam(dim.symbol()));
    }
    ValueInfoProto.Builder declared = declared("", type, null).toBuilder();
    declared.getTypeBuilder().getTensorTypeBuilder().setShape(shape);
    return declared.build();
  }

  /** A value of a static shape, or of an unknown one where {@code dims} is null. */
  static ValueInfoProto declared(String name, int type, long[] dims) {
    TypeProto.Tensor.Builder tensor = TypeProto.Tensor.newBuilder().setElemType(type);
    if (dims != null) {
      TensorShapeProto.Builder shape = tensor.getShapeBuilder();
      for (long dim : dims) {
        TensorShapeProto.Dimension.Builder extent = shape.addDimBuilder();
        // A negative one is open.
        if (dim >= 0) {
          extent.setDimValue(dim);
        }
      }
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }
}
