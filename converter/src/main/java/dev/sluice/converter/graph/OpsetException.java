package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;

/**
 * A node that a later operator set can't express.
 *
 * <p>Thread safety: as any exception.
 */
final class OpsetException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * A failure.
   *
   * @param problem what can't be expressed; goes on from the node
   */
  OpsetException(NodeProto node, String problem) {
    super("the node " + OnnxModel.describe(node) + " " + problem);
  }
}
