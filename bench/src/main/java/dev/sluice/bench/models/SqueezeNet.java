package dev.sluice.bench.models;

import dev.sluice.bench.models.NetworkBuilder.Convolution;
import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.List;

/**
 * SqueezeNet 1.1 (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
 * &lt;0.5MB model size", and the authors' later release): <i>fire</i> blocks, which narrow the
 * channels and widen them again by a convolution of one and one of three, joined. The first
 * convolution is padded here, so its result has 112 rows for 224, not 111. Input {@code image},
 * {@code f32[N, 3, side, side]}; output {@code logits}, {@code f32[N, classes]}.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the model
 * @param stem channels of the first convolution
 * @param stages the blocks between two poolings
 * @param classes how many scores there are
 * @param side of the image
 */
public record SqueezeNet(String name, int stem, List<List<Fire>> stages, int classes, int side)
    implements Network {
  /**
   * A block.
   *
   * <p>Thread safety: immutable.
   *
   * @param squeezed channels that it narrows to
   * @param expanded channels of each of the two joined results
   */
  public record Fire(int squeezed, int expanded) {}

  /** Copies the lists. */
  public SqueezeNet {
    stages = stages.stream().map(List::copyOf).toList();
  }

  /** SqueezeNet 1.1 for ImageNet: 1,235,496 parameters. */
  public static SqueezeNet squeezeNet11() {
    return new SqueezeNet(
        "squeezenet",
        64,
        List.of(
            List.of(new Fire(16, 64), new Fire(16, 64)),
            List.of(new Fire(32, 128), new Fire(32, 128)),
            List.of(new Fire(48, 192), new Fire(48, 192), new Fire(64, 256), new Fire(64, 256))),
        1000,
        224);
  }

  @Override
  public GeneratedModel model(long batch) {
    NetworkBuilder network = new NetworkBuilder(name, batch);
    OnnxGraph graph = network.graph();
    String value =
        network.input("image", ElementType.FLOAT, NetworkBuilder.UNIT_BOUND, 3, side, side);
    value = rectified(network, "conv1", value, new Convolution(3, stem, 3, 2));
    int channels = stem;
    int block = 2;
    for (List<Fire> stage : stages) {
      value = pooled(graph, "pool" + (block - 1), value);
      for (Fire fire : stage) {
        value = fire(network, "fire" + block++, value, channels, fire);
        channels = 2 * fire.expanded();
      }
    }
    value = rectified(network, "conv10", value, new Convolution(channels, classes, 1, 1));
    String mean = graph.node("GlobalAveragePool", "pool10", List.of(value));
    graph.nodeTo("logits", "Flatten", "flatten", List.of(mean), OnnxGraph.integer("axis", 1));
    graph.output("logits", ElementType.FLOAT, classes);
    return network.build("SqueezeNet 1.1's blocks with random weights, for timing.");
  }

  private static String fire(
      NetworkBuilder network, String name, String in, int channels, Fire fire) {
    Convolution narrow = new Convolution(channels, fire.squeezed(), 1, 1);
    String squeezed = rectified(network, name + ".squeeze", in, narrow);
    Convolution one = new Convolution(fire.squeezed(), fire.expanded(), 1, 1);
    String first = rectified(network, name + ".expand1x1", squeezed, one);
    Convolution three = new Convolution(fire.squeezed(), fire.expanded(), 3, 1);
    String second = rectified(network, name + ".expand3x3", squeezed, three);
    return network
        .graph()
        .node("Concat", name + ".concat", List.of(first, second), OnnxGraph.integer("axis", 1));
  }

  private static String rectified(
      NetworkBuilder network, String layer, String in, Convolution shape) {
    String value = network.biased(layer, in, shape, NetworkBuilder.RECTIFIED);
    return network.graph().node("Relu", layer + ".relu", List.of(value));
  }

  private static String pooled(OnnxGraph graph, String node, String in) {
    return graph.node(
        "MaxPool",
        node,
        List.of(in),
        OnnxGraph.integers("kernel_shape", 3, 3),
        OnnxGraph.integers("strides", 2, 2),
        OnnxGraph.integer("ceil_mode", 1));
  }
}
