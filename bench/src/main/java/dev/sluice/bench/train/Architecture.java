package dev.sluice.bench.train;

import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The sizes of a residual network: a 3x3 stem at full resolution, then blocks, then the classifier.
 *
 * <p>Immutable, hence thread-safe.
 *
 * @param side width and height of the one-channel input
 * @param stem channels of the stem
 * @param blocks in order
 */
record Architecture(int side, int stem, List<Block> blocks, int classes) implements Blueprint {
  /** The network that ships: 78,000 parameters. */
  static final Architecture SHIPPED =
      new Architecture(
          HexDigits.SIDE,
          16,
          List.of(new Block(16, 1), new Block(32, 2), new Block(64, 2)),
          HexDigits.CLASSES);

  /** Output channels and stride of a block. */
  record Block(int channels, int stride) {
    /** The blocks for people: {@code 16, 32/2}. */
    static String listed(List<Block> blocks) {
      return blocks.stream()
          .map(block -> block.channels + (block.stride == 1 ? "" : "/" + block.stride))
          .collect(Collectors.joining(", "));
    }
  }

  /** Name of a block's weights. */
  static String blockName(int index) {
    return "block" + (index + 1);
  }

  @Override
  public Net net(Weights weights, int samples, boolean folded) {
    return new ResidualNet(this, weights, samples, folded);
  }

  @Override
  public ModelProto export(Weights folded, String name, String description) {
    return OnnxExport.model(this, folded, name, description);
  }

  @Override
  public String summary() {
    return "residual CNN: 3x3 stem of "
        + stem
        + ", blocks of "
        + Block.listed(blocks)
        + ", mean, linear";
  }
}
