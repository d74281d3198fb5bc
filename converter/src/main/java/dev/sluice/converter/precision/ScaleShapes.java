package dev.sluice.converter.precision;

import dev.sluice.converter.graph.Attributes;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.Arrays;
import java.util.List;

/**
 * How many scales TensorRT takes: one for values, and for weights one, one for each channel of a
 * layer's results, or one for each block along an axis.
 *
 * <p>Thread safety: used by one thread.
 */
final class ScaleShapes {
  private final Graph graph;

  ScaleShapes(Graph graph) {
    this.graph = graph;
  }

  /** Checks what is quantized to four bits. */
  void fourBits(NodeProto node, boolean quantizes, List<String> problems) {
    if (!isWeight(node, quantizes)) {
      problems.add(
          "has INT4 of '"
              + node.getInput(0)
              + "', which is no constant, and TensorRT has INT4 for weights alone; quantize it to"
              + " INT8");
    }
    long[] dims = graph.staticDims(node.getInput(0));
    if (dims != null && (dims.length == 0 || dims[dims.length - 1] % 2 != 0)) {
      problems.add(
          "has INT4 of '"
              + node.getInput(0)
              + "', whose last axis is odd, and TensorRT packs pairs; quantize it to INT8");
    }
  }

  /** Whether what is quantized is a constant, if only one that another node quantizes. */
  private boolean isWeight(NodeProto node, boolean quantizes) {
    if (graph.constant(node.getInput(0)) != null) {
      return true;
    }
    int producer = graph.producer(node.getInput(0));
    return !quantizes
        && producer >= 0
        && QuantizationRules.is(graph.nodes().get(producer), QuantizationRules.QUANTIZE)
        && graph.constant(graph.nodes().get(producer).getInput(0)) != null;
  }

  /** Checks that a scale is one number, one per channel of weights, or one per block. */
  void granularity(NodeProto node, boolean quantizes, List<String> problems) {
    String name = node.getInput(1);
    long[] scale = graph.staticDims(name);
    OnnxModel.Value data = graph.type(node.getInput(0));
    if (Arrays.stream(scale).allMatch(extent -> extent == 1) && scale.length <= 1) {
      return;
    }
    if (data == null || !data.isRanked()) {
      problems.add("has '" + node.getInput(0) + "' of an unknown shape; quantize it per tensor");
      return;
    }
    int rank = data.dims().size();
    long axis = Attributes.integer(node, "axis", 1);
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank) {
      problems.add(
          "has the axis " + axis + ", and '" + node.getInput(0) + "' has " + rank + "; correct it");
    } else if (scale.length != 1) {
      blocks(node, (int) axis, problems);
    } else {
      channels(node, quantizes, (int) axis, problems);
    }
  }

  private void channels(NodeProto node, boolean quantizes, int axis, List<String> problems) {
    String name = node.getInput(1);
    long count = graph.staticDims(name)[0];
    long extent = graph.type(node.getInput(0)).dims().get(axis).extent();
    if (!isWeight(node, quantizes)) {
      problems.add(
          "has the scale '"
              + name
              + "' per channel of '"
              + node.getInput(0)
              + "', which is no constant, and TensorRT quantizes only weights so; give it one"
              + " scale");
      return;
    }
    if (count != extent) {
      problems.add(
          "has the scale '"
              + name
              + "' of "
              + count
              + " channels, and '"
              + node.getInput(0)
              + "' has "
              + extent
              + " in axis "
              + axis
              + "; correct the axis");
    }
    if (!hasAttribute(node, "axis") && axis != 0) {
      problems.add(
          "has the scale '"
              + name
              + "' per channel and no axis, which is 1 to ONNX and 0 to TensorRT's parser; write the"
              + " axis");
    }
    for (int taker : quantizes ? List.<Integer>of() : graph.consumers(node.getOutput(0))) {
      NodeProto layer = graph.nodes().get(taker);
      int wanted = outputAxis(layer, node.getOutput(0));
      if (wanted >= 0 && wanted != axis) {
        problems.add(
            "has the scale '"
                + name
                + "' along axis "
                + axis
                + ", and the results of "
                + OnnxModel.describe(layer)
                + " are along axis "
                + wanted
                + " of these weights; quantize along that");
      }
    }
  }

  /** The axis of a layer's weights that its results lie along; -1 where that is not known. */
  private int outputAxis(NodeProto layer, String value) {
    if (!Graph.isStandard(layer) || !QuantizationRules.input(layer, 1).equals(value)) {
      return -1;
    }
    return switch (layer.getOpType()) {
      case "Conv" -> 0;
      case "ConvTranspose" -> 1;
      case "Gemm" -> Attributes.integer(layer, "transB", 0) != 0 ? 0 : 1;
      case "MatMul" -> graph.type(value).isRanked() ? graph.type(value).dims().size() - 1 : -1;
      default -> -1;
    };
  }

  /** One axis of the scale is shorter than that of the data, by a whole number of elements. */
  private void blocks(NodeProto node, int axis, List<String> problems) {
    String name = node.getInput(1);
    long[] scale = graph.staticDims(name);
    long[] data = graph.staticDims(node.getInput(0));
    long block = Attributes.integer(node, "block_size", 0);
    boolean fits = data != null && scale.length == data.length && block > 0;
    for (int i = 0; fits && i < scale.length; i++) {
      fits = i == axis ? scale[i] * block == data[i] : scale[i] == data[i];
    }
    if (!fits) {
      problems.add(
          "has the scale '"
              + name
              + "' of the shape "
              + Arrays.toString(scale)
              + ", which is neither one number, one axis, nor '"
              + node.getInput(0)
              + "' in blocks of "
              + block
              + " along axis "
              + axis
              + "; correct the shape or the block_size");
    }
  }

  private static boolean hasAttribute(NodeProto node, String name) {
    return node.getAttributeList().stream().anyMatch(a -> a.getName().equals(name));
  }
}
