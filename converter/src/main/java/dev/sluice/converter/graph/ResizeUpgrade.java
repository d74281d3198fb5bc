package dev.sluice.converter.graph;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoublePredicate;
import java.util.stream.DoubleStream;

/**
 * Makes a Resize of operator set 13 of an Upsample or an earlier Resize.
 *
 * <p>From operator set 11 on a Resize has what it needs, but one of sizes had scales that were an
 * empty tensor; now they must not be named.
 *
 * <p>Earlier both take output element {@code i} from {@code i / scale}, which is the {@code
 * asymmetric} one of the later ways. How the nearest element is found there was not said. ONNX
 * Runtime rounds down along an axis that grows, and up along one that shrinks; the standard's own
 * examples agree. The later operator rounds one way for all axes. So where both are there, or the
 * scales are not known, two nodes follow each other: the first shrinks, the second grows. Axes are
 * independent of each other, and a scale of 1 changes nothing.
 *
 * <p>Thread safety: used by one thread.
 */
final class ResizeUpgrade {
  /** Inputs of the later Resize. */
  private static final int SCALES = 2;

  private static final int SIZES = 3;

  private static final String NEAREST = "nearest";
  private static final String GROWING = "floor";
  private static final String SHRINKING = "ceil";

  private final NodeProto node;
  private final String mode;

  private ResizeUpgrade(NodeProto node) {
    this.node = node;
    this.mode = Attributes.text(node, "mode", NEAREST);
  }

  /** The node in place of an Upsample, whose scales are an attribute before version 9. */
  static List<NodeProto> upsample(NodeProto node, NewNodes parts) {
    List<Float> given =
        Attributes.find(node, "scales").map(AttributeProto::getFloatsList).orElse(null);
    String scales = given == null ? node.getInput(1) : parts.floats(node, "scales", given);
    return List.of(new ResizeUpgrade(node).grown(node.getInput(0), scales));
  }

  /** The nodes in place of a Resize. */
  static List<NodeProto> resize(NodeProto node, Scope scope, NewNodes parts, NewWeights weights)
      throws IOException {
    if (node.getInputCount() > SCALES) {
      return List.of(unambiguous(node));
    }
    ResizeUpgrade upgrade = new ResizeUpgrade(node);
    String input = node.getInput(0);
    String scales = node.getInput(1);
    double[] known = reals(scope.constant(scales), weights);
    if (!upgrade.mode.equals(NEAREST) || isEach(known, scale -> scale >= 1)) {
      return List.of(upgrade.grown(input, scales));
    }
    if (isEach(known, scale -> scale <= 1)) {
      return List.of(upgrade.resized(input, scales, SHRINKING, node.getOutput(0)));
    }
    List<NodeProto> nodes = new ArrayList<>();
    String one = parts.scalar(node, "one", ElementType.FLOAT, 1);
    NodeProto least = parts.node(node, "Min", List.of(scales, one), "shrinking");
    NodeProto most = parts.node(node, "Max", List.of(scales, one), "growing");
    String shrunk = parts.name(node, "shrunk");
    nodes.add(least);
    nodes.add(upgrade.resized(input, least.getOutput(0), SHRINKING, shrunk));
    nodes.add(most);
    nodes.add(upgrade.grown(shrunk, most.getOutput(0)));
    return nodes;
  }

  /** Of operator set 11 or 12: with sizes alone, where it has them. */
  private static NodeProto unambiguous(NodeProto node) {
    boolean sizes = node.getInputCount() > SIZES && !node.getInput(SIZES).isEmpty();
    return sizes ? node.toBuilder().setInput(SCALES, "").build() : node;
  }

  private static boolean isEach(double[] scales, DoublePredicate condition) {
    return scales != null && DoubleStream.of(scales).allMatch(condition);
  }

  private static double[] reals(TensorProto tensor, NewWeights weights) throws IOException {
    if (tensor == null || tensor.getDataType() != ElementType.FLOAT.code()) {
      return null;
    }
    MemorySegment bytes = weights.bytes(tensor);
    double[] values = new double[Math.toIntExact(bytes.byteSize() / Float.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = Reals.get(ElementType.FLOAT, bytes, i);
    }
    return values;
  }

  private NodeProto grown(String input, String scales) {
    return resized(input, scales, GROWING, node.getOutput(0));
  }

  private NodeProto resized(String input, String scales, String rounding, String output) {
    NodeProto.Builder resized =
        node.toBuilder()
            .setName(output.equals(node.getOutput(0)) ? node.getName() : output)
            .setOpType("Resize")
            .clearInput()
            .addInput(input)
            .addInput("") // the region, which one way alone takes
            .addInput(scales)
            .setOutput(0, output)
            .clearAttribute()
            .addAttribute(Attributes.of("mode", mode))
            .addAttribute(Attributes.of("coordinate_transformation_mode", "asymmetric"));
    if (mode.equals(NEAREST)) {
      resized.addAttribute(Attributes.of("nearest_mode", rounding));
    }
    return resized.build();
  }
}
