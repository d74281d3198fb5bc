package dev.sluice.bench.train;

import java.util.List;

/**
 * The sizes of a residual network: a 3x3 stem at full resolution, then blocks, then the classifier.
 *
 * <p>Immutable, hence thread-safe.
 *
 * @param side width and height of the one-channel input
 * @param stem channels of the stem
 * @param blocks in order
 */
record Architecture(int side, int stem, List<Block> blocks, int classes) {
  /** The network that ships: 78,000 parameters. */
  static final Architecture SHIPPED =
      new Architecture(
          HexDigits.SIDE,
          16,
          List.of(new Block(16, 1), new Block(32, 2), new Block(64, 2)),
          HexDigits.CLASSES);

  /** Output channels and stride of a block. */
  record Block(int channels, int stride) {}

  /** Name of a block's weights. */
  static String blockName(int index) {
    return "block" + (index + 1);
  }

  /**
   * Fresh weights for training: He's normal initialisation for whatever feeds a rectifier, ones and
   * zeros for the rest.
   */
  Weights initialise(long seed) {
    Weights weights = new Weights();
    new ResidualNet(this, weights, 1, false);
    int number = 0;
    for (var entry : weights.all().entrySet()) {
      if (entry.getKey().endsWith(".weight")) {
        SeededDraws draws = SeededDraws.of(seed, number++);
        float deviation = (float) Math.sqrt(2.0 / entry.getValue()[0].length);
        for (float[] row : entry.getValue()) {
          for (int i = 0; i < row.length; i++) {
            row[i] = deviation * (float) draws.gaussian();
          }
        }
      }
    }
    return weights;
  }
}
