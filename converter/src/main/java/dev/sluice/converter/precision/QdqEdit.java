package dev.sluice.converter.precision;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.DeadCode;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.GraphEdit;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes QuantizeLinear and DequantizeLinear nodes into a graph.
 *
 * <p>Thread safety: used by one thread.
 */
final class QdqEdit {
  private final Graph graph;
  private final GraphEdit edit;

  /** What comes ahead of a node, and after it, by its index. */
  private final Map<Integer, List<NodeProto>> ahead = new HashMap<>();

  private final Map<Integer, List<NodeProto>> after = new HashMap<>();
  private final Map<Integer, NodeProto> changed = new HashMap<>();
  private final Map<Grid, List<String>> grids = new HashMap<>();

  QdqEdit(Graph graph) {
    this.graph = graph;
    this.edit = graph.edit();
  }

  /** The node as it is by now; null where it was removed. */
  NodeProto node(int index) {
    return changed.containsKey(index) ? changed.get(index) : graph.nodes().get(index);
  }

  /** Changes a node. */
  void replace(int index, NodeProto node) {
    changed.put(index, node);
  }

  /** Removes a node. */
  void remove(int index) {
    changed.put(index, null);
  }

  /** Adds a node that reads what another one reads. */
  void beside(int index, NodeProto node) {
    after.computeIfAbsent(index, _ -> new ArrayList<>()).addFirst(node);
  }

  String freshName(String base) {
    return edit.freshName(base);
  }

  /** Makes input {@code input} of a node read another value. */
  void reroute(int index, String from, String to) {
    NodeProto node = node(index);
    NodeProto.Builder builder = node.toBuilder();
    for (int i = 0; i < node.getInputCount(); i++) {
      if (node.getInput(i).equals(from)) {
        builder.setInput(i, to);
      }
    }
    replace(index, builder.build());
  }

  /**
   * Quantizes a value.
   *
   * @param from the value
   * @param to the name of the dequantized value
   * @param maker index of the node that makes it; -1 for an input
   */
  void quantize(String from, String to, Grid grid, int maker) {
    String codes = freshName(to + "_quantized");
    List<String> parameters = parameters(grid);
    List<NodeProto> pair =
        List.of(
            NodeProto.newBuilder()
                .setOpType("QuantizeLinear")
                .setName(freshName(to + "_QuantizeLinear"))
                .addInput(from)
                .addAllInput(parameters)
                .addOutput(codes)
                .build(),
            dequantize(codes, parameters, to));
    if (maker >= 0) {
      after.computeIfAbsent(maker, _ -> new ArrayList<>()).addAll(pair);
    } else {
      ahead.computeIfAbsent(-1, _ -> new ArrayList<>()).addAll(pair);
    }
  }

  /** Dequantizes the weights of a layer; their new name. */
  String weights(Layer layer, LayerWeights.Quantized weights) {
    String codes = freshName(weights.tensor().getName());
    String scales = freshName(layer.weights() + "_scale");
    edit.addInitializer(weights.tensor().toBuilder().setName(codes).build());
    edit.addInitializer(weights.scaleTensor(scales));
    String zeros = freshName(layer.weights() + "_zero_point");
    edit.addInitializer(
        TensorProto.newBuilder()
            .setName(zeros)
            .setDataType(ElementType.INT8.code())
            .addDims(weights.scales().length)
            .setRawData(ByteString.copyFrom(new byte[weights.scales().length]))
            .build());
    return dequantized(layer, List.of(codes, scales, zeros), layer.channelAxis());
  }

  /**
   * Dequantizes the bias of a layer, in 32-bit steps of the product of the scales; its new name.
   *
   * @param bias by channel
   */
  String bias(Layer layer, float[] bias, Grid input, float[] weightScales) {
    int channels = weightScales.length;
    ByteBuffer codes = ByteBuffer.allocate(channels * 4).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer scales = ByteBuffer.allocate(channels * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int channel = 0; channel < channels; channel++) {
      float scale = input.scale() * weightScales[channel];
      scales.putFloat(scale);
      // A cast of a double keeps to the range of int.
      codes.putInt((int) Math.rint(bias[channel] / (double) scale));
    }
    String base = layer.bias() == null ? layer.key() + "_bias" : layer.bias();
    String codesName = freshName(base + "_int32");
    String scalesName = freshName(base + "_scale");
    edit.addInitializer(
        TensorProto.newBuilder()
            .setName(codesName)
            .setDataType(ElementType.INT32.code())
            .addDims(channels)
            .setRawData(ByteString.copyFrom(codes.flip()))
            .build());
    edit.addInitializer(
        TensorProto.newBuilder()
            .setName(scalesName)
            .setDataType(ElementType.FLOAT.code())
            .addDims(channels)
            .setRawData(ByteString.copyFrom(scales.flip()))
            .build());
    return dequantized(layer, List.of(codesName, scalesName), 0);
  }

  /** Adds a bias in FP32; its name. */
  String realBias(Layer layer, float[] bias) {
    ByteBuffer bytes = ByteBuffer.allocate(bias.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : bias) {
      bytes.putFloat(value);
    }
    String name = freshName(layer.key() + "_bias");
    edit.addInitializer(
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(ElementType.FLOAT.code())
            .addDims(bias.length)
            .setRawData(ByteString.copyFrom(bytes.flip()))
            .build());
    return name;
  }

  private String dequantized(Layer layer, List<String> inputs, int axis) {
    String name = freshName(inputs.getFirst() + "_dequantized");
    AttributeProto attribute =
        AttributeProto.newBuilder()
            .setName("axis")
            .setType(AttributeProto.AttributeType.INT)
            .setI(axis)
            .build();
    NodeProto node =
        dequantize(inputs.getFirst(), inputs.subList(1, inputs.size()), name).toBuilder()
            .addAttribute(attribute)
            .build();
    ahead.computeIfAbsent(layer.index(), _ -> new ArrayList<>()).add(node);
    return name;
  }

  private NodeProto dequantize(String codes, List<String> parameters, String to) {
    return NodeProto.newBuilder()
        .setOpType("DequantizeLinear")
        .setName(freshName(to + "_DequantizeLinear"))
        .addInput(codes)
        .addAllInput(parameters)
        .addOutput(to)
        .build();
  }

  /** Scale and zero point as constants of no dimension: fusions look for such. */
  private List<String> parameters(Grid grid) {
    return grids.computeIfAbsent(
        grid,
        _ -> {
          String scale = freshName("activation_scale");
          String zeroPoint = freshName("activation_zero_point");
          edit.addInitializer(
              TensorProto.newBuilder()
                  .setName(scale)
                  .setDataType(ElementType.FLOAT.code())
                  .setRawData(
                      ByteString.copyFrom(
                          ByteBuffer.allocate(4)
                              .order(ByteOrder.LITTLE_ENDIAN)
                              .putFloat(grid.scale())
                              .flip()))
                  .build());
          edit.addInitializer(
              TensorProto.newBuilder()
                  .setName(zeroPoint)
                  .setDataType((grid.signed() ? ElementType.INT8 : ElementType.UINT8).code())
                  .setRawData(ByteString.copyFrom(new byte[] {(byte) grid.zeroPoint()}))
                  .build());
          return List.of(scale, zeroPoint);
        });
  }

  /** The changed graph; constants that nothing reads any more are gone. */
  Graph build() {
    return new DeadCode().apply(buildAll(), null).graph();
  }

  /** The changed graph, with what no output needs. */
  Graph buildAll() {
    for (int i = 0; i < graph.nodes().size(); i++) {
      List<NodeProto> nodes = new ArrayList<>();
      if (i == 0) {
        nodes.addAll(ahead.getOrDefault(-1, List.of()));
      }
      nodes.addAll(ahead.getOrDefault(i, List.of()));
      if (node(i) != null) {
        nodes.add(node(i));
      }
      nodes.addAll(after.getOrDefault(i, List.of()));
      if (!nodes.equals(List.of(graph.nodes().get(i)))) {
        edit.replaceNode(i, nodes);
      }
    }
    return edit.build();
  }
}
