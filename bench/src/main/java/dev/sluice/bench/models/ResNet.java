package dev.sluice.bench.models;

import dev.sluice.bench.models.NetworkBuilder.Convolution;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.List;

/**
 * Residual networks of bottleneck blocks (He et al., "Deep Residual Learning for Image
 * Recognition"), version 1.5: a block that halves the image does so in its 3x3 convolution, as
 * torchvision's do. Input {@code image}, {@code f32[N, 3, side, side]}; output {@code logits},
 * {@code f32[N, classes]}.
 *
 * <p>Batch normalisation is folded, as PyTorch's exporter folds it: of a convolution with C
 * channels remain its weights and C biases, where torchvision counts C scales and C shifts.
 * ResNet-50 has 26,560 such channels, so of its 25,557,032 parameters 25,530,472 are in the file.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the model
 * @param width channels of the stem, and of the inner convolutions of the first stage; each stage
 *     has twice the channels of the one before
 * @param blocks how many each stage has; each stage but the first halves the image
 * @param classes how many scores there are
 * @param side of the image
 */
public record ResNet(String name, int width, List<Integer> blocks, int classes, int side)
    implements Network {
  private static final int EXPANSION = 4;

  /** Copies the list. */
  public ResNet {
    blocks = List.copyOf(blocks);
  }

  /** ResNet-50 for ImageNet: 25,557,032 parameters. */
  public static ResNet resNet50() {
    return new ResNet("resnet50", 64, List.of(3, 4, 6, 3), 1000, 224);
  }

  @Override
  public GeneratedModel model(long batch) {
    NetworkBuilder network = new NetworkBuilder(name, batch);
    OnnxGraph graph = network.graph();
    String value =
        network.input("image", ElementType.FLOAT, NetworkBuilder.UNIT_BOUND, 3, side, side);
    value =
        network.convolution(
            "stem", value, new Convolution(3, width, 7, 2), NetworkBuilder.RECTIFIED);
    value = graph.node("Relu", "stem.relu", List.of(value));
    value =
        graph.node(
            "MaxPool",
            "stem.pool",
            List.of(value),
            OnnxGraph.integers("kernel_shape", 3, 3),
            OnnxGraph.integers("strides", 2, 2),
            OnnxGraph.integers("pads", 1, 1, 1, 1));
    int channels = width;
    for (int stage = 0; stage < blocks.size(); stage++) {
      int inner = width << stage;
      for (int block = 0; block < blocks.get(stage); block++) {
        int stride = stage > 0 && block == 0 ? 2 : 1;
        value = block(network, "layer" + (stage + 1) + "." + block, value, channels, inner, stride);
        channels = inner * EXPANSION;
      }
    }
    network.classifier("fc", value, channels, classes, "logits");
    return network.build(
        "A residual network of bottleneck blocks " + blocks + " with random weights, for timing.");
  }

  private static String block(
      NetworkBuilder network, String name, String in, int channels, int inner, int stride) {
    OnnxGraph graph = network.graph();
    int outputs = inner * EXPANSION;
    double rectified = NetworkBuilder.RECTIFIED;
    String value =
        network.convolution(name + ".conv1", in, new Convolution(channels, inner, 1, 1), rectified);
    value = graph.node("Relu", name + ".relu1", List.of(value));
    value =
        network.convolution(
            name + ".conv2", value, new Convolution(inner, inner, 3, stride), rectified);
    value = graph.node("Relu", name + ".relu2", List.of(value));
    value =
        network.convolution(
            name + ".conv3", value, new Convolution(inner, outputs, 1, 1), NetworkBuilder.BRANCH);
    String shortcut = in;
    if (stride != 1 || channels != outputs) {
      Convolution shape = new Convolution(channels, outputs, 1, stride);
      shortcut = network.convolution(name + ".downsample", in, shape, rectified);
    }
    String sum = graph.node("Add", name + ".add", List.of(value, shortcut));
    return graph.node("Relu", name + ".relu3", List.of(sum));
  }
}
