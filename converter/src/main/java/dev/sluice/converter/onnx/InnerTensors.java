package dev.sluice.converter.onnx;

import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.SparseTensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;

/**
 * Tensors in attributes, in subgraphs and in functions whose data lies in other files: their bytes
 * come into the model, so that native code never looks for a file that a model names. They are few
 * and small. The weights of the graph itself stay where they are, but for small ones, which tell
 * shapes; so do constants that were cut out of the model's own file.
 *
 * <p>Thread safety: used by one thread.
 */
final class InnerTensors {
  /** As many numbers as shapes, axes and scales have. */
  private static final long MAX_ELEMENTS = 128;

  private final TensorData data;

  private InnerTensors(TensorData data) {
    this.data = data;
  }

  /**
   * The model with them inside; the same where there are none.
   *
   * @param file the model's file; the others lie in its folder
   * @throws ModelException where a file is not there, is too short or lies elsewhere
   */
  static ModelProto inlined(Path file, ModelProto model) throws IOException {
    if (!anyExternal(model)) {
      return model;
    }
    try (Arena arena = Arena.ofConfined()) {
      TensorData data = new TensorData(file, arena);
      InnerTensors inner = new InnerTensors(data);
      ModelProto.Builder builder = model.toBuilder();
      inner.main(builder.getGraphBuilder());
      for (FunctionProto.Builder function : builder.getFunctionsBuilderList()) {
        for (NodeProto.Builder node : function.getNodeBuilderList()) {
          inner.attributes(node);
        }
        for (AttributeProto.Builder attribute : function.getAttributeProtoBuilderList()) {
          inner.attribute(attribute);
        }
      }
      data.checkUnchanged(null);
      return builder.build();
    }
  }

  private static boolean anyExternal(ModelProto model) {
    GraphProto main = model.getGraph();
    boolean[] found = {
      anyExternal(main.getNodeList())
          || main.getSparseInitializerList().stream().anyMatch(InnerTensors::isExternal)
          || main.getInitializerList().stream().anyMatch(InnerTensors::isSmall)
    };
    for (NodeProto node : main.getNodeList()) {
      OnnxModel.forEachSubgraph(
          node,
          graph ->
              found[0] |=
                  anyExternal(graph.getNodeList())
                      || graph.getSparseInitializerList().stream()
                          .anyMatch(InnerTensors::isExternal)
                      || graph.getInitializerList().stream().anyMatch(InnerTensors::isExternal));
    }
    // Functions have few attributes: they are gone through without a search first.
    for (FunctionProto function : model.getFunctionsList()) {
      found[0] |=
          function.getAttributeProtoCount() > 0
              || function.getNodeList().stream().anyMatch(n -> n.getAttributeCount() > 0);
    }
    return found[0];
  }

  private static boolean anyExternal(List<NodeProto> nodes) {
    return nodes.stream()
        .flatMap(node -> node.getAttributeList().stream())
        .anyMatch(InnerTensors::hasExternal);
  }

  private static boolean hasExternal(AttributeProto attribute) {
    return (attribute.hasT() && isExternal(attribute.getT()))
        || attribute.getTensorsList().stream().anyMatch(InnerTensors::isExternal)
        || (attribute.hasSparseTensor() && isExternal(attribute.getSparseTensor()))
        || attribute.getSparseTensorsList().stream().anyMatch(InnerTensors::isExternal);
  }

  private static boolean isExternal(SparseTensorProto tensor) {
    return isExternal(tensor.getValues()) || isExternal(tensor.getIndices());
  }

  /** Whether a tensor names another file, if only beside data of its own. */
  private static boolean isExternal(TensorProto tensor) {
    return tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL
        || tensor.getExternalDataCount() > 0;
  }

  private void main(GraphProto.Builder graph) throws IOException {
    for (TensorProto.Builder tensor : graph.getInitializerBuilderList()) {
      if (isSmall(tensor.build())) {
        inline(tensor);
      }
    }
    sparse(graph);
    for (NodeProto.Builder node : graph.getNodeBuilderList()) {
      for (AttributeProto.Builder attribute : node.getAttributeBuilderList()) {
        if (!TensorData.isOwn(attribute.getT())) {
          attribute(attribute);
        }
      }
    }
  }

  /** Whether a tensor in another file is none of the weights. */
  private static boolean isSmall(TensorProto tensor) {
    if (tensor.getDataLocation() != TensorProto.DataLocation.EXTERNAL) {
      return false;
    }
    long elements = 1;
    for (long dim : tensor.getDimsList()) {
      if (dim < 0 || dim > MAX_ELEMENTS) {
        return false;
      }
      elements = Math.min(elements * dim, MAX_ELEMENTS + 1);
    }
    return elements <= MAX_ELEMENTS;
  }

  private void nodes(GraphProto.Builder graph) throws IOException {
    for (NodeProto.Builder node : graph.getNodeBuilderList()) {
      attributes(node);
    }
  }

  private void sparse(GraphProto.Builder graph) throws IOException {
    for (SparseTensorProto.Builder tensor : graph.getSparseInitializerBuilderList()) {
      sparse(tensor);
    }
  }

  private void sparse(SparseTensorProto.Builder tensor) throws IOException {
    if (tensor.hasValues()) {
      inline(tensor.getValuesBuilder());
    }
    if (tensor.hasIndices()) {
      inline(tensor.getIndicesBuilder());
    }
  }

  private void attributes(NodeProto.Builder node) throws IOException {
    for (AttributeProto.Builder attribute : node.getAttributeBuilderList()) {
      attribute(attribute);
    }
  }

  private void attribute(AttributeProto.Builder attribute) throws IOException {
    if (attribute.hasT()) {
      inline(attribute.getTBuilder());
    }
    for (TensorProto.Builder tensor : attribute.getTensorsBuilderList()) {
      inline(tensor);
    }
    if (attribute.hasSparseTensor()) {
      sparse(attribute.getSparseTensorBuilder());
    }
    for (SparseTensorProto.Builder tensor : attribute.getSparseTensorsBuilderList()) {
      sparse(tensor);
    }
    if (attribute.hasG()) {
      subgraph(attribute.getGBuilder());
    }
    for (GraphProto.Builder graph : attribute.getGraphsBuilderList()) {
      subgraph(graph);
    }
  }

  private void subgraph(GraphProto.Builder graph) throws IOException {
    for (TensorProto.Builder tensor : graph.getInitializerBuilderList()) {
      inline(tensor);
    }
    sparse(graph);
    nodes(graph);
  }

  private void inline(TensorProto.Builder tensor) throws IOException {
    if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      tensor.setRawData(TensorData.copy(data.bytes(tensor.build())));
    }
    tensor.clearExternalData().clearDataLocation();
  }
}
