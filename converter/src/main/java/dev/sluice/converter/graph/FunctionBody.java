package dev.sluice.converter.graph;

import dev.sluice.converter.graph.ShapedGraph.Given;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A function of a model at the place of a call: its inputs are what the call hands to it, those
 * that the call leaves out are gone, and attributes that refer to the call's have its values.
 *
 * <p>Thread safety: used by one thread.
 */
final class FunctionBody {
  private final Map<String, AttributeProto> attributes = new HashMap<>();
  private final Set<String> missing = new HashSet<>();

  private FunctionBody() {}

  /**
   * The graph of a call.
   *
   * @param around the graph in which the call is
   * @throws NotCountedException where the call hands over what is no tensor
   */
  static ShapedGraph.Inside of(ShapedGraph around, FunctionProto function, NodeProto call)
      throws NotCountedException {
    FunctionBody body = new FunctionBody();
    function.getAttributeProtoList().forEach(each -> body.attributes.put(each.getName(), each));
    call.getAttributeList().forEach(each -> body.attributes.put(each.getName(), each));
    Map<String, Given> inputs = new LinkedHashMap<>();
    for (int i = 0; i < function.getInputCount(); i++) {
      String value = i < call.getInputCount() ? call.getInput(i) : "";
      if (value.isEmpty()) {
        body.missing.add(function.getInput(i));
      } else {
        inputs.put(function.getInput(i), around.given(value));
      }
    }
    GraphProto.Builder graph = GraphProto.newBuilder().setName(function.getName());
    function.getNodeList().forEach(node -> graph.addNode(body.resolved(node)));
    for (String output : function.getOutputList()) {
      graph.addOutput(ValueInfoProto.newBuilder().setName(output));
    }
    ModelProto.Builder shell =
        Evaluator.shell(around.graph().model())
            .clearOpsetImport()
            .addAllOpsetImport(function.getOpsetImportList());
    return ShapedGraph.inside(shell, graph, inputs);
  }

  private NodeProto resolved(NodeProto node) {
    NodeProto.Builder resolved = node.toBuilder();
    for (int i = 0; i < node.getInputCount(); i++) {
      if (missing.contains(node.getInput(i))) {
        resolved.setInput(i, "");
      }
    }
    List<AttributeProto> own = new ArrayList<>();
    for (AttributeProto attribute : node.getAttributeList()) {
      if (attribute.getRefAttrName().isEmpty()) {
        own.add(resolved(attribute));
      } else if (attributes.containsKey(attribute.getRefAttrName())) {
        AttributeProto value = attributes.get(attribute.getRefAttrName());
        own.add(value.toBuilder().setName(attribute.getName()).build());
      }
    }
    return resolved.clearAttribute().addAllAttribute(own).build();
  }

  private AttributeProto resolved(AttributeProto attribute) {
    if (!attribute.hasG() && attribute.getGraphsCount() == 0) {
      return attribute;
    }
    AttributeProto.Builder resolved = attribute.toBuilder();
    if (attribute.hasG()) {
      resolved.setG(resolved(attribute.getG()));
    }
    for (int i = 0; i < attribute.getGraphsCount(); i++) {
      resolved.setGraphs(i, resolved(attribute.getGraphs(i)));
    }
    return resolved.build();
  }

  private GraphProto resolved(GraphProto graph) {
    GraphProto.Builder resolved = graph.toBuilder().clearNode();
    graph.getNodeList().forEach(node -> resolved.addNode(resolved(node)));
    return resolved.build();
  }
}
