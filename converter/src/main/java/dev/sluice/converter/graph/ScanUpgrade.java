package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;

/**
 * Makes two Scans of one of operator set 8, which ran its body along axis 1 of each row of a batch,
 * from the row's own first state. The outer one goes over the batch: a row of every state and every
 * sequence is what it scans, and it has no state. In it the inner one goes over the sequence, and
 * has the body.
 *
 * <p>Thread safety: stateless.
 */
final class ScanUpgrade {
  private ScanUpgrade() {}

  /**
   * The node in place of a Scan.
   *
   * @throws OpsetException where the rows' sequences differ in length
   */
  static NodeProto node(NodeProto node, NewNodes parts) throws OpsetException {
    if (!node.getInput(0).isEmpty()) {
      throw new OpsetException(
          node,
          "takes the lengths of its sequences, '"
              + node.getInput(0)
              + "', which Scan does not from operator set 9 on");
    }
    GraphProto body = Attributes.find(node, "body").orElseThrow().getG();
    int states =
        body.getInputCount() - Math.toIntExact(Attributes.integer(node, "num_scan_inputs", 0));
    NodeProto.Builder inner =
        node.toBuilder().setName(parts.name(node, "sequence")).clearInput().clearOutput();
    for (AttributeProto.Builder attribute : inner.getAttributeBuilderList()) {
      if (attribute.getName().equals("directions")) {
        attribute.setName("scan_input_directions");
      }
    }
    GraphProto.Builder row = GraphProto.newBuilder().setName(parts.name(node, "row"));
    for (int i = 0; i < body.getInputCount(); i++) {
      String name = parts.name(node, "in");
      inner.addInput(name);
      ValueInfoProto.Builder value = body.getInput(i).toBuilder().setName(name);
      row.addInput(i < states ? value : sequence(value));
    }
    for (ValueInfoProto output : body.getOutputList()) {
      ValueInfoProto.Builder value = output.toBuilder().setName(parts.name(node, "out"));
      inner.addOutput(value.getName());
      value.getTypeBuilder().getTensorTypeBuilder().clearShape();
      row.addOutput(value);
    }
    return node.toBuilder()
        .clearInput()
        .addAllInput(node.getInputList().subList(1, node.getInputCount()))
        .clearAttribute()
        .addAttribute(Attributes.of("num_scan_inputs", body.getInputCount()))
        .addAttribute(
            AttributeProto.newBuilder()
                .setName("body")
                .setType(AttributeProto.AttributeType.GRAPH)
                .setG(row.addNode(inner)))
        .build();
  }

  /** The type of what is scanned, of the type of one element. */
  private static ValueInfoProto.Builder sequence(ValueInfoProto.Builder element) {
    if (element.getType().getTensorType().hasShape()) {
      TensorShapeProto shape = element.getType().getTensorType().getShape();
      element
          .getTypeBuilder()
          .getTensorTypeBuilder()
          .getShapeBuilder()
          .clear()
          .addDim(TensorShapeProto.Dimension.getDefaultInstance())
          .addAllDim(shape.getDimList());
    }
    return element;
  }
}
