package dev.sluice.bench.models;

import dev.sluice.bench.models.NetworkBuilder.Convolution;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * A U-Net (Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation"),
 * padded so that the mask has the image's size, as it is used today: convolutions in pairs, a
 * halved image and twice the channels from level to level, and the way back up with what was there
 * on the way down beside it. Input {@code image}, {@code f32[N, 3, side, side]}; output {@code
 * mask}, {@code f32[N, classes, side, side]}.
 *
 * <p>Batch normalisation is folded, see {@link ResNet}.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the model
 * @param width channels of the first level
 * @param levels how often the image is halved
 * @param classes how many planes the mask has
 * @param side of the image, a multiple of 2 to the power of {@code levels}
 * @param resized whether the image grows by a Resize and a convolution rather than by a transposed
 *     convolution
 */
public record UNet(String name, int width, int levels, int classes, int side, boolean resized)
    implements Network {
  /** Checks the size. */
  public UNet {
    if (side % (1 << levels) != 0) {
      throw new IllegalArgumentException(
          name + ": a side of " + side + " can't be halved " + levels + " times");
    }
  }

  /** The paper's widths, 64 to 1024, at 256 x 256. */
  public static UNet full() {
    return new UNet("unet", 64, 4, 2, 256, false);
  }

  @Override
  public GeneratedModel model(long batch) {
    NetworkBuilder network = new NetworkBuilder(name, batch);
    OnnxGraph graph = network.graph();
    if (resized) {
      network.constant("twice", new float[] {1, 1, 2, 2}, 4);
    }
    String value =
        network.input("image", ElementType.FLOAT, NetworkBuilder.UNIT_BOUND, 3, side, side);
    value = pair(network, "down.0", value, 3, width);
    Deque<String> skipped = new ArrayDeque<>();
    for (int level = 1; level <= levels; level++) {
      skipped.push(value);
      String layer = "down." + level;
      value =
          graph.node(
              "MaxPool",
              layer + ".pool",
              List.of(value),
              OnnxGraph.integers("kernel_shape", 2, 2),
              OnnxGraph.integers("strides", 2, 2));
      value = pair(network, layer, value, width << (level - 1), width << level);
    }
    for (int level = levels - 1; level >= 0; level--) {
      int channels = width << level;
      String layer = "up." + level;
      String grown = grown(network, layer, value, 2 * channels);
      String joined =
          graph.node(
              "Concat",
              layer + ".concat",
              List.of(skipped.pop(), grown),
              OnnxGraph.integer("axis", 1));
      value = pair(network, layer, joined, 2 * channels, channels);
    }
    String scores =
        network.biased(
            "mask.conv", value, new Convolution(width, classes, 1, 1), NetworkBuilder.LINEAR);
    graph.nodeTo("mask", "Sigmoid", "mask", List.of(scores));
    graph.output("mask", ElementType.FLOAT, classes, side, side);
    return network.build("A U-Net of " + levels + " levels with random weights, for timing.");
  }

  private static String pair(
      NetworkBuilder network, String layer, String in, int inputs, int outputs) {
    String first = rectified(network, layer + ".conv1", in, inputs, outputs);
    return rectified(network, layer + ".conv2", first, outputs, outputs);
  }

  private static String rectified(
      NetworkBuilder network, String layer, String in, int inputs, int outputs) {
    Convolution shape = new Convolution(inputs, outputs, 3, 1);
    String value = network.convolution(layer, in, shape, NetworkBuilder.RECTIFIED);
    return network.graph().node("Relu", layer + ".relu", List.of(value));
  }

  /** Twice the side, half the channels. */
  private String grown(NetworkBuilder network, String layer, String in, int channels) {
    OnnxGraph graph = network.graph();
    int outputs = channels / 2;
    if (resized) {
      String large =
          graph.node(
              "Resize",
              layer + ".resize",
              List.of(in, "", "twice"),
              OnnxGraph.text("mode", "linear"),
              OnnxGraph.text("coordinate_transformation_mode", "half_pixel"));
      Convolution shape = new Convolution(channels, outputs, 1, 1);
      return network.biased(layer + ".narrow", large, shape, NetworkBuilder.LINEAR);
    }
    double bound = NetworkBuilder.bound(NetworkBuilder.LINEAR, channels);
    String weight = network.weight(layer + ".grow.weight", 0, bound, channels, outputs, 2, 2);
    return graph.node(
        "ConvTranspose",
        layer + ".grow",
        List.of(in, weight, network.bias(layer + ".grow.bias", outputs)),
        OnnxGraph.integers("kernel_shape", 2, 2),
        OnnxGraph.integers("strides", 2, 2));
  }
}
