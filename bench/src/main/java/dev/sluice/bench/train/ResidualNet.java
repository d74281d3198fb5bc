package dev.sluice.bench.train;

import dev.sluice.bench.train.Architecture.Block;
import dev.sluice.bench.train.Convolution.Geometry;
import java.util.ArrayList;
import java.util.List;

/**
 * A residual network for a fixed number of samples at a time, for training or, over folded weights,
 * for use.
 *
 * <p>Not thread-safe; several over the same {@link Weights} may run at once as long as nobody
 * writes those.
 */
final class ResidualNet extends Net {
  private final Planes input;
  private final NormalisedConvolution stem;
  private final Rectifier stemRectifier = new Rectifier();
  private final List<ResidualBlock> blocks = new ArrayList<>();
  private final Classifier classifier;
  private final List<Parameter> parameters = new ArrayList<>();

  /**
   * Builds the network.
   *
   * @param folded whether the weights come out of {@link FoldedWeights}; such a network is not
   *     trained
   */
  ResidualNet(Architecture architecture, Weights weights, int samples, boolean folded) {
    super(samples, architecture.classes());
    int side = architecture.side();
    int channels = architecture.stem();
    input = new Planes(1, samples, side, side);
    stem =
        new NormalisedConvolution(
            "stem", weights, new Geometry(1, channels, 3, 1, side), samples, folded, true);
    for (Block block : architecture.blocks()) {
      blocks.add(
          new ResidualBlock(
              Architecture.blockName(blocks.size()),
              weights,
              channels,
              block.channels(),
              block.stride(),
              side,
              samples,
              folded));
      side = new Geometry(channels, block.channels(), 3, block.stride(), side).outputSide();
      channels = block.channels();
    }
    classifier =
        new Classifier(weights, new Planes(channels, samples, side, side), architecture.classes());
    stem.parameters(parameters::add);
    blocks.forEach(block -> block.parameters(parameters::add));
    classifier.parameters(parameters::add);
  }

  @Override
  float[] input() {
    return input.rows()[0];
  }

  @Override
  float[][] forward() {
    Planes values = stemRectifier.forward(stem.forward(input));
    for (ResidualBlock block : blocks) {
      values = block.forward(values);
    }
    return classifier.forward(values);
  }

  @Override
  void backward(float[][] gradient) {
    Planes planes = classifier.backward(gradient);
    for (ResidualBlock block : blocks.reversed()) {
      planes = block.backward(planes);
    }
    stem.backward(stemRectifier.backward(planes));
  }

  @Override
  List<Parameter> parameters() {
    return List.copyOf(parameters);
  }

  @Override
  void updateRunning(float rate) {
    stem.updateRunning(rate);
    blocks.forEach(block -> block.updateRunning(rate));
  }
}
