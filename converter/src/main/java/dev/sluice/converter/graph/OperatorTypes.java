package dev.sluice.converter.graph;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OnnxType;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which element types an operator may have by the ONNX standard, in the operator sets of a model.
 * ONNX Runtime holds the standard's schemas: it is asked with a model of the one node. That its CPU
 * can't compute the node does not count. Nodes that are alike are asked for once.
 *
 * <p>Thread safety: used by one thread.
 */
public final class OperatorTypes {
  /** The status of a model that the standard allows and ONNX Runtime's CPU can't compute. */
  private static final String NO_KERNEL = "ORT_NOT_IMPLEMENTED";

  private final Graph graph;
  private final Map<ByteString, Optional<List<ElementType>>> seen = new HashMap<>();

  /**
   * Asks for a graph.
   *
   * @param graph whose operator sets count, and whose small constants a node may need
   */
  public OperatorTypes(Graph graph) {
    this.graph = graph;
  }

  /**
   * The element types of a node's results.
   *
   * @param node of the standard, without subgraphs
   * @param inputs the types of its inputs; null where there is none
   * @return one per output, null where it is no tensor or has no name; or null where the standard
   *     does not allow such inputs
   */
  public List<ElementType> results(NodeProto node, List<ElementType> inputs) {
    ModelProto model = model(node, inputs);
    return seen.computeIfAbsent(
            model.getGraph().toByteString(), _ -> Optional.ofNullable(results(model)))
        .orElse(null);
  }

  private static List<ElementType> results(ModelProto model) {
    boolean brain = TypeSubstitution.has(model, ElementType.BFLOAT16);
    try {
      List<ElementType> types = ask(model);
      if (types != null || !brain) {
        return types;
      }
      // The standard allows it: FLOAT16, which the CPU has, tells what comes out.
      List<ElementType> twin =
          ask(TypeSubstitution.of(model, ElementType.BFLOAT16, ElementType.FLOAT16));
      if (twin != null) {
        twin.replaceAll(t -> t == ElementType.FLOAT16 ? ElementType.BFLOAT16 : t);
      }
      return twin;
    } catch (NativeException e) {
      return null;
    }
  }

  /** Null where the CPU can't compute it. */
  private static List<ElementType> ask(ModelProto model) {
    NodeProto node = model.getGraph().getNode(0);
    try (OrtSession session =
        TypeInference.open(model.toByteArray(), List.of(), "the types of " + node.getOpType())) {
      Map<String, ElementType> named = new HashMap<>();
      for (OrtValueInfo info : session.outputs()) {
        if (info.kind() == OnnxType.TENSOR) {
          named.put(info.name(), info.type());
        }
      }
      List<ElementType> types = new ArrayList<>(Collections.nCopies(node.getOutputCount(), null));
      for (int i = 0; i < types.size(); i++) {
        types.set(i, named.get(node.getOutput(i)));
      }
      return types;
    } catch (NativeException e) {
      if (e.statusName().equals(NO_KERNEL)) {
        return null;
      }
      throw e;
    }
  }

  /** A model of the node with plain names, so that nodes that are alike become equal. */
  private ModelProto model(NodeProto node, List<ElementType> inputs) {
    GraphProto.Builder only = GraphProto.newBuilder().setName("node");
    NodeProto.Builder alike = node.toBuilder().clearInput().clearOutput().clearDocString();
    alike.setName("node");
    for (int i = 0; i < node.getInputCount(); i++) {
      String name = node.getInput(i).isEmpty() ? "" : "i" + i;
      alike.addInput(name);
      if (name.isEmpty()) {
        continue;
      }
      TensorProto constant = graph.constant(node.getInput(i));
      boolean known =
          constant != null
              && !TypeInference.isLarge(constant)
              && TypeInference.type(constant) == inputs.get(i);
      if (known) {
        only.addInitializer(constant.toBuilder().setName(name));
      } else {
        only.addInput(TypeInference.declared(name, inputs.get(i).code(), null));
      }
    }
    for (int i = 0; i < node.getOutputCount(); i++) {
      String name = node.getOutput(i).isEmpty() ? "" : "o" + i;
      alike.addOutput(name);
      if (!name.isEmpty()) {
        only.addOutput(ValueInfoProto.newBuilder().setName(name));
      }
    }
    return Evaluator.shell(graph.model()).setGraph(only.addNode(alike)).build();
  }
}
