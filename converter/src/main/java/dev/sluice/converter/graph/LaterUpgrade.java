package dev.sluice.converter.graph;

import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What changed after operator set 13, up to 22.
 *
 * <ul>
 *   <li>14: BatchNormalization gave means and variances beside its result, which for inference said
 *       nothing; now only one that trains does.
 *   <li>16: RoiAlign counted pixels from their corners, and says so now: their centers are what is
 *       meant where nothing is said.
 *   <li>18: Split into equal parts says how many these are. Reductions take their axes as an input.
 *   <li>20: DFT takes its axis as an input, and the last but one where nothing is said, in place of
 *       the first. GridSample calls its modes linear and cubic.
 *   <li>21: GroupNormalization has a factor and a summand for each channel, no more for each group.
 * </ul>
 *
 * <p>All other operators got further types or attributes that do nothing where they are absent.
 *
 * <p>Thread safety: stateless.
 */
final class LaterUpgrade {
  private static final String LAYOUT = "coordinate_transformation_mode";

  /** The axis of a DFT that names none, before version 20. */
  private static final long DFT_AXIS = 1;

  private static final Map<String, String> MODES = Map.of("bilinear", "linear", "bicubic", "cubic");

  private LaterUpgrade() {}

  static NodeProto norm(NodeProto node, Set<String> taken) throws OpsetException {
    for (String statistic : node.getOutputList().subList(1, node.getOutputCount())) {
      if (taken.contains(statistic)) {
        throw new OpsetException(
            node,
            "has its statistics '"
                + statistic
                + "' taken, which from operator set 14 on are there in training only");
      }
    }
    return node.getOutputCount() == 1
        ? node
        : node.toBuilder().clearOutput().addOutput(node.getOutput(0)).build();
  }

  static NodeProto align(NodeProto node) {
    return node.toBuilder().addAttribute(Attributes.of(LAYOUT, "output_half_pixel")).build();
  }

  static NodeProto split(NodeProto node) {
    boolean sized = node.getInputCount() > 1 && !node.getInput(1).isEmpty();
    return sized
        ? node
        : node.toBuilder()
            .addAttribute(Attributes.of("num_outputs", node.getOutputCount()))
            .build();
  }

  static NodeProto grid(NodeProto node) {
    String mode = Attributes.text(node, "mode", "bilinear");
    return Attributes.without(node, "mode")
        .addAttribute(Attributes.of("mode", MODES.getOrDefault(mode, mode)))
        .build();
  }

  static NodeProto fourier(NodeProto node, NewNodes parts) {
    NodeProto.Builder mended = Attributes.without(node, "axis");
    if (node.getInputCount() == 1) {
      mended.addInput(""); // the length, which is the signal's own
    }
    long axis = Attributes.integer(node, "axis", DFT_AXIS);
    return mended
        .addInput(parts.constant(node, "axis", Numbers.tensor("", List.of(), axis)))
        .build();
  }

  /** Repeats the parameters of each group for each channel in it. */
  static List<NodeProto> groups(NodeProto node, Scope scope, NewNodes parts) throws OpsetException {
    OnnxModel.Value input = scope.ranked(node.getInput(0));
    long channels = input == null || !input.isRanked() ? -1 : input.dims().get(1).extent();
    if (channels < 0) {
      throw new OpsetException(
          node,
          "takes '"
              + node.getInput(0)
              + "' of unknown channels, each of which needs a factor from operator set 21 on");
    }
    long groups = Attributes.integer(node, "num_groups", 1);
    List<NodeProto> nodes = new ArrayList<>();
    NodeProto.Builder mended = node.toBuilder();
    for (int i = 1; i < node.getInputCount(); i++) {
      List<String> column =
          List.of(node.getInput(i), parts.vector(node, "column_shape", groups, 1));
      nodes.add(parts.node(node, "Reshape", column, "column"));
      List<String> repeated =
          List.of(
              nodes.getLast().getOutput(0),
              parts.vector(node, "repeated_shape", groups, channels / groups));
      nodes.add(parts.node(node, "Expand", repeated, "repeated"));
      List<String> flat =
          List.of(nodes.getLast().getOutput(0), parts.vector(node, "flat_shape", -1));
      nodes.add(parts.node(node, "Reshape", flat, "parameter"));
      mended.setInput(i, nodes.getLast().getOutput(0));
    }
    nodes.add(mended.build());
    return nodes;
  }
}
