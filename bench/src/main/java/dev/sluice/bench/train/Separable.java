package dev.sluice.bench.train;

import dev.sluice.bench.train.Architecture.Block;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.List;

/**
 * The sizes of a network of depthwise-separable convolutions, as MobileNet's (Howard et al.,
 * "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications"): a 3x3 stem
 * at full resolution, then blocks of a depthwise 3x3 and a pointwise 1x1 convolution, then the
 * classifier. Every convolution ends in a rectifier with a cap of {@link #CAP}.
 *
 * <p>Immutable, hence thread-safe.
 *
 * @param side width and height of the one-channel input
 * @param stem channels of the stem
 * @param blocks in order; a block's stride is its depthwise convolution's
 */
record Separable(int side, int stem, List<Block> blocks, int classes) implements Blueprint {
  /** The network of the zoo. */
  static final Separable SHIPPED =
      new Separable(
          HexDigits.SIDE,
          16,
          List.of(
              new Block(32, 1),
              new Block(48, 2),
              new Block(64, 1),
              new Block(96, 2),
              new Block(128, 1)),
          HexDigits.CLASSES);

  /** What a rectifier lets through at most. */
  static final float CAP = 6;

  @Override
  public Net net(Weights weights, int samples, boolean folded) {
    return new SeparableNet(this, weights, samples, folded);
  }

  @Override
  public ModelProto export(Weights folded, String name, String description) {
    return OnnxExport.model(this, folded, name, description);
  }

  @Override
  public String summary() {
    return "depthwise-separable CNN: 3x3 stem of "
        + stem
        + ", depthwise 3x3 and pointwise 1x1 of "
        + Block.listed(blocks)
        + ", ReLU6, mean, linear";
  }
}
