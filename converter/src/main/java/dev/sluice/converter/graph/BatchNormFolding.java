package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Folds a BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul ahead of it where nobody
 * else takes that one's result: {@code y = (Wx + b) f + s} with {@code f = scale / sqrt(variance +
 * epsilon)} and {@code s = bias - mean f} becomes {@code y = (Wf) x + (bf + s)}, per channel.
 *
 * <p>The new weights are computed in double precision and rounded once, so each is off by half a
 * step of its type; so was the product that they replace, and a result by no more than another
 * order of its sum would change it.
 *
 * <p>Thread safety: stateless.
 */
public final class BatchNormFolding implements Rewrite {
  private static final Set<String> LAYERS = Set.of("Conv", "ConvTranspose", "Gemm", "MatMul");

  /** From here on BatchNormalization has the form that is folded. */
  private static final long OPSET = 7;

  /** The rewrite. */
  public BatchNormFolding() {}

  @Override
  public String name() {
    return "batch normalization folding";
  }

  @Override
  public Result apply(Graph graph, NewWeights weights) throws IOException {
    List<String> changes = new ArrayList<>();
    GraphEdit edit = graph.edit();
    for (int i = 0; graph.opset() >= OPSET && i < graph.nodes().size(); i++) {
      NodeProto norm = graph.nodes().get(i);
      int index = layer(graph, norm);
      if (index < 0) {
        continue;
      }
      NodeProto layer = graph.nodes().get(index);
      NodeProto folded = folded(graph, layer, norm, edit, weights);
      if (folded != null) {
        edit.replaceNode(index, List.of());
        edit.replaceNode(i, List.of(folded));
        changes.add("folded " + OnnxModel.describe(norm) + " into " + OnnxModel.describe(layer));
      }
    }
    return new Result(changes.isEmpty() ? graph : edit.build(), changes);
  }

  /** Index of the layer that a normalization may be folded into; -1 where there is none. */
  private static int layer(Graph graph, NodeProto norm) {
    if (!BatchNormAffine.isAffine(norm)) {
      return -1;
    }
    String value = norm.getInput(0);
    int index = graph.producer(value);
    if (index < 0 || graph.outputs().contains(value) || graph.consumers(value).size() != 1) {
      return -1;
    }
    NodeProto layer = graph.nodes().get(index);
    boolean constant =
        Graph.isStandard(layer)
            && LAYERS.contains(layer.getOpType())
            && graph.initializers().containsKey(layer.getInput(1))
            && graph.consumers(layer.getInput(1)).size() == 1
            && norm.getInputList().stream().skip(1).allMatch(graph.initializers()::containsKey);
    return constant ? index : -1;
  }

  private static NodeProto folded(
      Graph graph, NodeProto layer, NodeProto norm, GraphEdit edit, NewWeights weights)
      throws IOException {
    TensorProto old = graph.initializers().get(layer.getInput(1));
    ElementType type = TypeInference.type(old);
    Axis axis = axis(graph, layer, old);
    if (type == null || !Reals.isReal(type) || axis == null) {
      return null;
    }
    BatchNormAffine affine = BatchNormAffine.of(graph, norm, weights);
    if (affine == null || affine.factor().length != axis.channels()) {
      return null;
    }
    double[] bias = bias(graph, layer, axis.channels(), weights);
    if (bias == null) {
      return null;
    }
    String base = layer.getInput(1);
    NewWeights.Room scaled = weights.room(edit.freshName(base + "_folded"), type, shape(old));
    MemorySegment from = weights.bytes(old);
    long elements = shape(old).elementCount();
    for (long i = 0; i < elements; i++) {
      double value = Reals.get(type, from, i) * affine.factor()[axis.channel(i)];
      Reals.set(type, scaled.bytes(), i, value);
    }
    NewWeights.Room moved =
        weights.room(edit.freshName(base + "_folded_bias"), type, Shape.of((long) axis.channels()));
    for (int c = 0; c < axis.channels(); c++) {
      double value = bias[c] * affine.factor()[c] + affine.summand()[c];
      Reals.set(type, moved.bytes(), c, value);
    }
    edit.addInitializer(scaled.tensor());
    edit.addInitializer(moved.tensor());
    NodeProto.Builder node =
        layer.toBuilder()
            .clearInput()
            .addInput(layer.getInput(0))
            .addInput(scaled.tensor().getName())
            .addInput(moved.tensor().getName())
            .setOutput(0, norm.getOutput(0));
    if (layer.getOpType().equals("MatMul")) {
      node.setOpType("Gemm");
    }
    // The bias has been multiplied already.
    List<AttributeProto> kept =
        layer.getAttributeList().stream().filter(a -> !a.getName().equals("beta")).toList();
    return node.clearAttribute().addAllAttribute(kept).build();
  }

  private static Shape shape(TensorProto tensor) {
    return Shape.of(tensor.getDimsList().stream().mapToLong(Long::longValue).toArray());
  }

  /**
   * Which channel of the result an element of the weights is for.
   *
   * @param channels how many there are
   * @param inner elements that follow each other for one channel
   * @param perGroup channels of a group
   * @param groupElements elements of a group; all where there is but one
   */
  private record Axis(int channels, long inner, long perGroup, long groupElements) {
    int channel(long element) {
      return (int) (element / groupElements * perGroup + element / inner % perGroup);
    }
  }

  private static Axis axis(Graph graph, NodeProto layer, TensorProto tensor) {
    long[] dims = tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
    boolean isConv = layer.getOpType().startsWith("Conv");
    if (isConv ? dims.length < 3 : dims.length != 2) {
      return null;
    }
    long all = shape(tensor).elementCount();
    if (all == 0) {
      return null;
    }
    return switch (layer.getOpType()) {
      case "Conv" -> new Axis((int) dims[0], all / dims[0], dims[0], all);
      case "ConvTranspose" -> {
        long groups = Attributes.integer(layer, "group", 1);
        yield dims[0] % groups != 0
            ? null
            : new Axis((int) (dims[1] * groups), all / dims[0] / dims[1], dims[1], all / groups);
      }
      case "Gemm" ->
          Attributes.integer(layer, "transB", 0) != 0
              ? new Axis((int) dims[0], dims[1], dims[0], all)
              : new Axis((int) dims[1], 1, dims[1], all);
      default -> {
        // The channels of a product of higher rank are not its last axis.
        OnnxModel.Value left = graph.type(layer.getInput(0));
        yield left == null || !left.isRanked() || left.dims().size() != 2
            ? null
            : new Axis((int) dims[1], 1, dims[1], all);
      }
    };
  }

  /** What the layer adds to each channel, its beta included; null where it differs by row. */
  private static double[] bias(Graph graph, NodeProto layer, int channels, NewWeights weights)
      throws IOException {
    double[] bias = new double[channels];
    if (layer.getInputCount() < 3 || layer.getInput(2).isEmpty()) {
      return bias;
    }
    TensorProto tensor = graph.initializers().get(layer.getInput(2));
    double[] values = tensor == null ? null : BatchNormAffine.vector(tensor, weights);
    boolean row =
        values != null
            && (values.length == 1
                || (values.length == channels
                    && tensor.getDims(tensor.getDimsCount() - 1) == channels));
    if (!row) {
      return null;
    }
    double beta = 1;
    for (AttributeProto attribute : layer.getAttributeList()) {
      beta = attribute.getName().equals("beta") ? attribute.getF() : beta;
    }
    for (int c = 0; c < channels; c++) {
      bias[c] = beta * values[values.length == 1 ? 0 : c];
    }
    return bias;
  }
}
