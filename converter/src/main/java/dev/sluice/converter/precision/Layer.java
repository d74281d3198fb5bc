package dev.sluice.converter.precision;

import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;

/**
 * A node that multiplies a tensor by constant weights, which 8 bits may hold.
 *
 * <p>Thread safety: immutable.
 *
 * @param index of the node in its graph
 * @param node with the activation as input 0 and the weights as input 1
 * @param channelAxis axis of the weights that goes over the channels of the result: each has a
 *     scale of its own
 */
record Layer(int index, NodeProto node, int channelAxis) {
  /** What tells it from others: the name of its first result. */
  String key() {
    return node.getOutputList().stream().filter(name -> !name.isEmpty()).findFirst().orElse("");
  }

  /** The name for people; the result's where the node has none. */
  String name() {
    return node.getName().isEmpty() ? key() : node.getName();
  }

  String operator() {
    return node.getOpType();
  }

  String activation() {
    return node.getInput(0);
  }

  String weights() {
    return node.getInput(1);
  }

  /** The bias' name, or null. */
  String bias() {
    return node.getInputCount() > 2 && !node.getInput(2).isEmpty() ? node.getInput(2) : null;
  }

  boolean isConvolution() {
    return node.getOpType().startsWith("Conv");
  }

  /** Whether a node is of the standard, with this operator. */
  static boolean is(NodeProto node, String operator) {
    return node.getOpType().equals(operator) && Graph.isStandard(node);
  }
}
