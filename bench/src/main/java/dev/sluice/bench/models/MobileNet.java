package dev.sluice.bench.models;

import dev.sluice.bench.models.NetworkBuilder.Convolution;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.List;

/**
 * MobileNetV2 (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks"): blocks
 * that widen, convolve each channel by itself, and narrow. ReLU6 is a Clip from 0 to 6. Input
 * {@code image}, {@code f32[N, 3, side, side]}; output {@code logits}, {@code f32[N, classes]}.
 *
 * <p>Batch normalisation is folded, see {@link ResNet}: 17,056 channels at width 1.0, so of
 * 3,504,872 parameters 3,487,816 are in the file.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the model
 * @param stem channels of the first convolution, which halves the image
 * @param stages the blocks
 * @param last channels of the last convolution
 * @param classes how many scores there are
 * @param side of the image
 */
public record MobileNet(String name, int stem, List<Stage> stages, int last, int classes, int side)
    implements Network {
  /**
   * Blocks of one shape.
   *
   * <p>Thread safety: immutable.
   *
   * @param expansion how many times wider the block is inside
   * @param channels of the block's output
   * @param blocks how many
   * @param stride of the first of them; the others have 1
   */
  public record Stage(int expansion, int channels, int blocks, int stride) {}

  /** Copies the list. */
  public MobileNet {
    stages = List.copyOf(stages);
  }

  /** MobileNetV2 of width 1.0 for ImageNet: 3,504,872 parameters. */
  public static MobileNet mobileNetV2() {
    return new MobileNet(
        "mobilenetv2",
        32,
        List.of(
            new Stage(1, 16, 1, 1),
            new Stage(6, 24, 2, 2),
            new Stage(6, 32, 3, 2),
            new Stage(6, 64, 4, 2),
            new Stage(6, 96, 3, 1),
            new Stage(6, 160, 3, 2),
            new Stage(6, 320, 1, 1)),
        1280,
        1000,
        224);
  }

  @Override
  public GeneratedModel model(long batch) {
    NetworkBuilder network = new NetworkBuilder(name, batch);
    network.constant("relu6.min", 0);
    network.constant("relu6.max", 6);
    String value =
        network.input("image", ElementType.FLOAT, NetworkBuilder.UNIT_BOUND, 3, side, side);
    value = clipped(network, "features.0", value, new Convolution(3, stem, 3, 2));
    int channels = stem;
    int number = 1;
    for (Stage stage : stages) {
      for (int i = 0; i < stage.blocks(); i++) {
        int stride = i == 0 ? stage.stride() : 1;
        value = block(network, "features." + number++, value, channels, stage, stride);
        channels = stage.channels();
      }
    }
    value = clipped(network, "features." + number, value, new Convolution(channels, last, 1, 1));
    network.classifier("classifier", value, last, classes, "logits");
    return network.build(
        "A network of inverted residuals " + stages + " with random weights, for timing.");
  }

  private static String block(
      NetworkBuilder network, String name, String in, int channels, Stage stage, int stride) {
    int inner = channels * stage.expansion();
    String value = in;
    if (stage.expansion() != 1) {
      value = clipped(network, name + ".expand", value, new Convolution(channels, inner, 1, 1));
    }
    value =
        clipped(
            network, name + ".depthwise", value, new Convolution(inner, inner, 3, stride, inner));
    boolean residual = stride == 1 && channels == stage.channels();
    double gain = residual ? NetworkBuilder.BRANCH : NetworkBuilder.LINEAR;
    Convolution narrow = new Convolution(inner, stage.channels(), 1, 1);
    value = network.convolution(name + ".project", value, narrow, gain);
    return residual ? network.graph().node("Add", name + ".add", List.of(in, value)) : value;
  }

  private static String clipped(NetworkBuilder network, String name, String in, Convolution shape) {
    String value = network.convolution(name, in, shape, NetworkBuilder.RECTIFIED);
    OnnxGraph graph = network.graph();
    return graph.node("Clip", name + ".relu6", List.of(value, "relu6.min", "relu6.max"));
  }
}
