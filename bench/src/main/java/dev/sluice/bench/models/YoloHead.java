package dev.sluice.bench.models;

import dev.sluice.bench.models.NetworkBuilder.Convolution;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.ArrayList;
import java.util.List;

/**
 * The head of {@link Yolo}: for each place of each scale four distributions of a side's distance,
 * and a score for each class.
 *
 * <p>Thread safety: none; one instance builds one head.
 */
final class YoloHead {
  private static final int SIDES = 4;

  /** Values of a distribution. */
  private static final int VALUES = 16;

  /** The gain of a layer with a SiLU: of normal numbers of variance 1 its mean square is 0.356. */
  private static final double SILU = 1 / Math.sqrt(0.356);

  private final NetworkBuilder network;
  private final OnnxGraph graph;
  private final String layer;
  private final int classes;
  private final int side;
  private final List<String> scales = new ArrayList<>();
  private final List<Integer> strides = new ArrayList<>();
  private int boxChannels;
  private int classChannels;

  YoloHead(NetworkBuilder network, String layer, int classes, int side) {
    this.network = network;
    graph = network.graph();
    this.layer = layer;
    this.classes = classes;
    this.side = side;
    long[] flat = {network.reshapedBatch(), SIDES * VALUES + classes, -1};
    network.constant(layer + ".flat", flat, 3);
  }

  /** A convolution and its SiLU: x * sigmoid(x). */
  static String activated(NetworkBuilder network, String layer, String in, Convolution shape) {
    String value = network.convolution(layer + ".conv", in, shape, SILU);
    String share = network.graph().node("Sigmoid", layer + ".sigmoid", List.of(value));
    return network.graph().node("Mul", layer + ".silu", List.of(value, share));
  }

  /** Adds a scale; the first has the least channels, which the widths of all are chosen by. */
  void scale(String in, int channels, int stride) {
    if (scales.isEmpty()) {
      boxChannels = Math.max(Math.max(16, channels / 4), SIDES * VALUES);
      classChannels = Math.max(channels, Math.min(classes, 100));
    }
    String prefix = layer + "." + scales.size();
    String boxes = branch(prefix + ".cv2", in, channels, boxChannels, SIDES * VALUES);
    String scores = branch(prefix + ".cv3", in, channels, classChannels, classes);
    String both =
        graph.node(
            "Concat", prefix + ".concat", List.of(boxes, scores), OnnxGraph.integer("axis", 1));
    scales.add(graph.node("Reshape", prefix + ".reshape", List.of(both, layer + ".flat")));
    strides.add(stride);
  }

  private String branch(String name, String in, int inputs, int inner, int outputs) {
    String value = activated(network, name + ".0", in, new Convolution(inputs, inner, 3, 1));
    value = activated(network, name + ".1", value, new Convolution(inner, inner, 3, 1));
    Convolution last = new Convolution(inner, outputs, 1, 1);
    return network.biased(name + ".2", value, last, NetworkBuilder.CLASSIFIER);
  }

  /** Makes boxes in pixels and scores of 0 to 1 of all scales. */
  void decode(String output) {
    int places = strides.stream().mapToInt(stride -> (side / stride) * (side / stride)).sum();
    String all = graph.node("Concat", layer + ".places", scales, OnnxGraph.integer("axis", 2));
    List<String> parts = List.of(layer + ".boxes", layer + ".classes");
    String sizes = network.constant(layer + ".sizes", new long[] {SIDES * VALUES, classes}, 2);
    graph.nodeTo(
        parts, "Split", layer + ".split", List.of(all, sizes), OnnxGraph.integer("axis", 1));
    String boxes = boxes(distances(parts.getFirst(), places), places);
    String scores = graph.node("Sigmoid", layer + ".scores", List.of(parts.getLast()));
    graph.nodeTo(
        output, "Concat", layer + ".output", List.of(boxes, scores), OnnxGraph.integer("axis", 1));
    graph.output(output, ElementType.FLOAT, SIDES + classes, places);
  }

  /** The mean of each distribution: {@code [N, 4, places]}. */
  private String distances(String in, int places) {
    long rows = network.reshapedBatch();
    String dfl = layer + ".dfl";
    network.constant(dfl + ".split", new long[] {rows, SIDES, VALUES, places}, 4);
    network.constant(dfl + ".joined", new long[] {rows, SIDES, places}, 3);
    float[] range = new float[VALUES];
    for (int i = 0; i < VALUES; i++) {
      range[i] = i;
    }
    network.constant(dfl + ".weight", range, 1, VALUES, 1, 1);
    String value = graph.node("Reshape", dfl + ".reshape", List.of(in, dfl + ".split"));
    value =
        graph.node(
            "Transpose",
            dfl + ".transpose",
            List.of(value),
            OnnxGraph.integers("perm", 0, 2, 1, 3));
    value = graph.node("Softmax", dfl + ".softmax", List.of(value), OnnxGraph.integer("axis", 1));
    value = graph.node("Conv", dfl + ".conv", List.of(value, dfl + ".weight"));
    return graph.node("Reshape", dfl + ".mean", List.of(value, dfl + ".joined"));
  }

  /** Left, top, right and bottom distances to centres and extents in pixels. */
  private String boxes(String distances, int places) {
    float[] centres = new float[2 * places];
    float[] scale = new float[places];
    int place = 0;
    for (int stride : strides) {
      int across = side / stride;
      for (int i = 0; i < across * across; i++) {
        int row = i / across;
        centres[place] = i % across + 0.5f;
        centres[places + place] = row + 0.5f;
        scale[place++] = stride;
      }
    }
    network.constant(layer + ".centres", centres, 1, 2, places);
    network.constant(layer + ".strides", scale, 1, 1, places);
    network.constant(layer + ".two", 2);
    List<String> ends = List.of(layer + ".left_top", layer + ".right_bottom");
    String sizes = network.constant(layer + ".ends", new long[] {2, 2}, 2);
    graph.nodeTo(
        ends, "Split", layer + ".sides", List.of(distances, sizes), OnnxGraph.integer("axis", 1));
    String from = graph.node("Sub", layer + ".from", List.of(layer + ".centres", ends.getFirst()));
    String to = graph.node("Add", layer + ".to", List.of(layer + ".centres", ends.getLast()));
    String sum = graph.node("Add", layer + ".sum", List.of(from, to));
    String centre = graph.node("Div", layer + ".centre", List.of(sum, layer + ".two"));
    String extent = graph.node("Sub", layer + ".extent", List.of(to, from));
    String box =
        graph.node("Concat", layer + ".box", List.of(centre, extent), OnnxGraph.integer("axis", 1));
    return graph.node("Mul", layer + ".pixels", List.of(box, layer + ".strides"));
  }
}
