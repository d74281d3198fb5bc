package dev.sluice.converter.graph;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OnnxType;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Has ONNX Runtime compute nodes of a model whose inputs are constants.
 *
 * <p>Thread safety: stateless.
 */
final class Evaluator {
  /** Operators that give another result each time. */
  private static final Set<String> RANDOM =
      Set.of(
          "Bernoulli",
          "Multinomial",
          "RandomNormal",
          "RandomNormalLike",
          "RandomUniform",
          "RandomUniformLike",
          "Dropout");

  private Evaluator() {}

  /** Whether a node gives the same for the same, by the standard, and holds no graph. */
  static boolean isPure(NodeProto node) {
    return Graph.isStandard(node)
        && !RANDOM.contains(node.getOpType())
        && !Graph.hasSubgraphs(node);
  }

  /** A model of the same operator sets, functions included, without a graph. */
  static ModelProto.Builder shell(ModelProto model) {
    return ModelProto.newBuilder()
        .setIrVersion(Math.max(model.getIrVersion(), 4))
        .addAllOpsetImport(model.getOpsetImportList())
        .addAllFunctions(model.getFunctionsList());
  }

  /**
   * Computes.
   *
   * @param nodes in an order in which they can run
   * @param constants what they take, each with its bytes inside
   * @param wanted which of the results
   * @return by name
   * @throws NativeException when ONNX Runtime refuses
   */
  static Map<String, TensorProto> run(
      ModelProto model,
      List<NodeProto> nodes,
      Collection<TensorProto> constants,
      Collection<String> wanted) {
    GraphProto.Builder graph =
        GraphProto.newBuilder().setName("constants").addAllNode(nodes).addAllInitializer(constants);
    wanted.forEach(name -> graph.addOutput(ValueInfoProto.newBuilder().setName(name)));
    byte[] bytes = shell(model).setGraph(graph).build().toByteArray();
    Map<String, TensorProto> results = new LinkedHashMap<>();
    try (OrtSession session = TypeInference.open(bytes, List.of(), "constants")) {
      List<OrtValue> values = session.run(List.of());
      try {
        List<String> names = new ArrayList<>(wanted);
        for (int i = 0; i < names.size(); i++) {
          if (values.get(i).kind() == OnnxType.TENSOR) {
            results.put(names.get(i), tensor(names.get(i), values.get(i)));
          }
        }
      } finally {
        values.forEach(OrtValue::close);
      }
    }
    return results;
  }

  private static TensorProto tensor(String name, OrtValue value) {
    OrtValueInfo info = value.info();
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(info.type().code())
            .addAllDims(info.dims());
    if (info.type() == ElementType.STRING) {
      for (String text : value.strings()) {
        tensor.addStringData(ByteString.copyFromUtf8(text));
      }
      return tensor.build();
    }
    boolean empty = info.dims().contains(0L);
    return tensor
        .setRawData(empty ? ByteString.EMPTY : ByteString.copyFrom(value.data().asByteBuffer()))
        .build();
  }
}
