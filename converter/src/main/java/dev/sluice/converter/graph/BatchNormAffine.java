package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * What a BatchNormalization of constants does to each channel: {@code y = x factor + summand} with
 * {@code factor = scale / sqrt(variance + epsilon)} and {@code summand = bias - mean factor}, in
 * double precision.
 *
 * <p>Thread safety: immutable, but for the arrays.
 *
 * @param factor by channel
 * @param summand by channel
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares or changes them
public record BatchNormAffine(double[] factor, double[] summand) {
  private static final float EPSILON = 1e-5f;

  /**
   * That of a node.
   *
   * @return null where the node trains, gives more than the normalized value, where its parameters
   *     are no constants or do not fit together, or where the result is not finite
   */
  public static BatchNormAffine of(Graph graph, NodeProto norm, NewWeights weights)
      throws IOException {
    if (!isAffine(norm)) {
      return null;
    }
    double[][] parameters = new double[4][];
    for (int i = 0; i < parameters.length; i++) {
      TensorProto tensor = graph.constant(norm.getInput(i + 1));
      parameters[i] = tensor == null ? null : vector(tensor, weights);
      if (parameters[i] == null || parameters[i].length != parameters[0].length) {
        return null;
      }
    }
    double epsilon = EPSILON;
    for (AttributeProto attribute : norm.getAttributeList()) {
      epsilon = attribute.getName().equals("epsilon") ? attribute.getF() : epsilon;
    }
    double[] factor = new double[parameters[0].length];
    double[] summand = new double[factor.length];
    for (int c = 0; c < factor.length; c++) {
      factor[c] = parameters[0][c] / Math.sqrt(parameters[3][c] + epsilon);
      summand[c] = parameters[1][c] - parameters[2][c] * factor[c];
      if (!Double.isFinite(factor[c]) || !Double.isFinite(summand[c])) {
        return null;
      }
    }
    return new BatchNormAffine(factor, summand);
  }

  /** Whether a node is a BatchNormalization of one statistic per channel that it does not train. */
  static boolean isAffine(NodeProto norm) {
    return Graph.isStandard(norm)
        && norm.getOpType().equals("BatchNormalization")
        && norm.getInputCount() == 5
        && norm.getOutputList().stream().skip(1).allMatch(String::isEmpty)
        && Attributes.integer(norm, "training_mode", 0) == 0
        && Attributes.integer(norm, "spatial", 1) == 1;
  }

  /** The elements; null where they are no real numbers. */
  static double[] vector(TensorProto tensor, NewWeights weights) throws IOException {
    ElementType type = TypeInference.type(tensor);
    if (type == null || !Reals.isReal(type)) {
      return null;
    }
    MemorySegment bytes = weights.bytes(tensor);
    Shape shape = Shape.of(tensor.getDimsList().stream().mapToLong(Long::longValue).toArray());
    double[] values = new double[Math.toIntExact(shape.elementCount())];
    for (int i = 0; i < values.length; i++) {
      values[i] = Reals.get(type, bytes, i);
    }
    return values;
  }
}
