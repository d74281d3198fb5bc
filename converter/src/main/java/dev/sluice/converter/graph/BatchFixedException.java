package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;

/**
 * A node fixes the batch, and nothing is known that would repair it.
 *
 * <p>Thread safety: as any exception.
 */
final class BatchFixedException extends Exception {
  private static final long serialVersionUID = 1L;

  BatchFixedException(String problem) {
    super(problem);
  }

  BatchFixedException(NodeProto node, String problem) {
    this("the node " + OnnxModel.describe(node) + " fixes the batch: " + problem);
  }
}
