package dev.sluice.bench.models;

import dev.sluice.bench.models.NetworkBuilder.Convolution;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.ArrayList;
import java.util.List;

/**
 * An anchor-free detector in the manner of YOLOv8 (Jocher et al., Ultralytics): SiLU after each
 * convolution, blocks that split their channels and join every step's, pools of three reaches, a
 * neck that goes up and down again, and a head on three scales whose boxes are the means of
 * distributions (Li et al., "Generalized Focal Loss"). Input {@code images}, {@code f32[N, 3, side,
 * side]}; output {@code output0}, {@code f32[N, 4 + classes, places]}: centre, width and height in
 * pixels and a score for each class at each place, of which there are (side/8)^2 + (side/16)^2 +
 * (side/32)^2.
 *
 * <p>Batch normalisation is folded, see {@link ResNet}: of YOLOv8n's 3,157,200 parameters are left
 * 3,151,904, of which 16, the values of a distribution, are a constant here.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the model
 * @param width channels of the first convolution; they double with each of the next four
 * @param depth blocks of the middle stages; the others have half
 * @param classes how many are told apart
 * @param side of the image, a multiple of 32
 */
public record Yolo(String name, int width, int depth, int classes, int side) implements Network {
  private static final int LARGEST_STRIDE = 32;

  /** Checks the size. */
  public Yolo {
    if (side % LARGEST_STRIDE != 0) {
      throw new IllegalArgumentException(
          name + ": side must be a multiple of " + LARGEST_STRIDE + ", but is " + side);
    }
  }

  /** YOLOv8n for COCO's 80 classes at 640 x 640. */
  public static Yolo yoloV8n() {
    return new Yolo("yolov8n", 16, 2, 80, 640);
  }

  @Override
  public GeneratedModel model(long batch) {
    return new Graph(this, batch).model();
  }

  /** The graph while it is built. */
  private static final class Graph {
    private final Yolo yolo;
    private final NetworkBuilder network;
    private final OnnxGraph graph;

    Graph(Yolo yolo, long batch) {
      this.yolo = yolo;
      network = new NetworkBuilder(yolo.name, batch);
      graph = network.graph();
    }

    GeneratedModel model() {
      network.constant("twice", new float[] {1, 1, 2, 2}, 4);
      int w = yolo.width;
      int few = Math.max(1, yolo.depth / 2);
      double bound = NetworkBuilder.UNIT_BOUND;
      String image = network.input("images", ElementType.FLOAT, bound, 3, yolo.side, yolo.side);
      String value = convolved("model.0", image, new Convolution(3, w, 3, 2));
      value = stage("model.1", value, w, 2 * w, few);
      String fine = stage("model.3", value, 2 * w, 4 * w, yolo.depth);
      String middle = stage("model.5", fine, 4 * w, 8 * w, yolo.depth);
      value = stage("model.7", middle, 8 * w, 16 * w, few);
      String coarse = pooled("model.9", value, 16 * w);

      String up = joined("model.11", twice("model.10", coarse), middle);
      String upMiddle = split("model.12", up, 24 * w, 8 * w, few, false);
      up = joined("model.14", twice("model.13", upMiddle), fine);
      final String small = split("model.15", up, 12 * w, 4 * w, few, false);
      String down = convolved("model.16", small, new Convolution(4 * w, 4 * w, 3, 2));
      down = joined("model.17", down, upMiddle);
      final String medium = split("model.18", down, 12 * w, 8 * w, few, false);
      down = convolved("model.19", medium, new Convolution(8 * w, 8 * w, 3, 2));
      down = joined("model.20", down, coarse);
      String large = split("model.21", down, 24 * w, 16 * w, few, false);

      YoloHead head = new YoloHead(network, "model.22", yolo.classes, yolo.side);
      head.scale(small, 4 * w, 8);
      head.scale(medium, 8 * w, 16);
      head.scale(large, 16 * w, 32);
      head.decode("output0");
      return network.build("A detector as YOLOv8 with random weights, for timing.");
    }

    /** A convolution that halves the image, and a block, whose number is one higher. */
    private String stage(String layer, String in, int inputs, int outputs, int steps) {
      String half = convolved(layer, in, new Convolution(inputs, outputs, 3, 2));
      return split(layer + ".block", half, outputs, outputs, steps, true);
    }

    /** A block that splits its channels, goes on with one half, and joins every step. */
    private String split(
        String layer, String in, int inputs, int outputs, int steps, boolean residual) {
      int half = outputs / 2;
      String both = convolved(layer + ".cv1", in, new Convolution(inputs, outputs, 1, 1));
      List<String> parts = new ArrayList<>(List.of(layer + ".split.0", layer + ".split.1"));
      String sizes = network.constant(layer + ".split.sizes", new long[] {half, half}, 2);
      graph.nodeTo(
          parts, "Split", layer + ".split", List.of(both, sizes), OnnxGraph.integer("axis", 1));
      Convolution shape = new Convolution(half, half, 3, 1);
      for (int i = 0; i < steps; i++) {
        String step = layer + ".m." + i;
        String before = parts.getLast();
        String value = convolved(step + ".cv1", before, shape);
        value = convolved(step + ".cv2", value, shape);
        parts.add(residual ? graph.node("Add", step + ".add", List.of(before, value)) : value);
      }
      String all = graph.node("Concat", layer + ".concat", parts, OnnxGraph.integer("axis", 1));
      return convolved(layer + ".cv2", all, new Convolution(half * parts.size(), outputs, 1, 1));
    }

    /** Pools one after the other, joined. */
    private String pooled(String layer, String in, int channels) {
      int half = channels / 2;
      List<String> parts = new ArrayList<>();
      parts.add(convolved(layer + ".cv1", in, new Convolution(channels, half, 1, 1)));
      for (int i = 0; i < 3; i++) {
        parts.add(
            graph.node(
                "MaxPool",
                layer + ".m." + i,
                List.of(parts.getLast()),
                OnnxGraph.integers("kernel_shape", 5, 5),
                OnnxGraph.integers("strides", 1, 1),
                OnnxGraph.integers("pads", 2, 2, 2, 2)));
      }
      String all = graph.node("Concat", layer + ".concat", parts, OnnxGraph.integer("axis", 1));
      return convolved(layer + ".cv2", all, new Convolution(4 * half, channels, 1, 1));
    }

    private String twice(String layer, String in) {
      return graph.node(
          "Resize",
          layer,
          List.of(in, "", "twice"),
          OnnxGraph.text("mode", "nearest"),
          OnnxGraph.text("coordinate_transformation_mode", "asymmetric"),
          OnnxGraph.text("nearest_mode", "floor"));
    }

    private String joined(String layer, String a, String b) {
      return graph.node("Concat", layer, List.of(a, b), OnnxGraph.integer("axis", 1));
    }

    private String convolved(String layer, String in, Convolution shape) {
      return YoloHead.activated(network, layer, in, shape);
    }
  }
}
