package dev.sluice.bench.train;

import dev.sluice.converter.onnx.proto.Onnx.ModelProto;

/**
 * The sizes of a network, from which networks over given weights are built.
 *
 * <p>Implementations are immutable, hence thread-safe.
 */
interface Blueprint {
  /**
   * A network over shared weights; those that are missing are added.
   *
   * @param samples how many it takes at a time
   * @param folded whether the weights come out of {@link FoldedWeights}; such a network is not
   *     trained
   */
  Net net(Weights weights, int samples, boolean folded);

  /**
   * Writes the network as an ONNX model.
   *
   * @param folded weights out of {@link FoldedWeights}
   * @param name of the graph
   * @param description for people
   */
  ModelProto export(Weights folded, String name, String description);

  /** A line on the network for people. */
  String summary();

  /**
   * The variance of a weight's first values, times its row's length: 2 keeps the size of what feeds
   * a rectifier (He et al., "Delving Deep into Rectifiers").
   *
   * @param weight its name
   */
  default double gain(String weight) {
    return 2;
  }

  /**
   * Fresh weights for training: normal ones for what is named {@code *.weight}, what the layers
   * start from for the rest.
   */
  default Weights initialise(long seed) {
    Weights weights = new Weights();
    net(weights, 1, false);
    int number = 0;
    for (var entry : weights.all().entrySet()) {
      if (entry.getKey().endsWith(".weight")) {
        SeededDraws draws = SeededDraws.of(seed, number++);
        float deviation = (float) Math.sqrt(gain(entry.getKey()) / entry.getValue()[0].length);
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
