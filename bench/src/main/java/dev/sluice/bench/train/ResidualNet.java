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
final class ResidualNet {
  private final Planes input;
  private final NormalisedConvolution stem;
  private final Rectifier stemRectifier = new Rectifier();
  private final List<ResidualBlock> blocks = new ArrayList<>();
  private final Classifier classifier;
  private final float[][] logitGradient;
  private final List<Parameter> parameters = new ArrayList<>();

  /**
   * Builds the network.
   *
   * @param folded whether the weights come out of {@link FoldedWeights}; such a network is not
   *     trained
   */
  ResidualNet(Architecture architecture, Weights weights, int samples, boolean folded) {
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
    logitGradient = new float[samples][architecture.classes()];
    stem.parameters(parameters::add);
    blocks.forEach(block -> block.parameters(parameters::add));
    classifier.parameters(parameters::add);
  }

  /** Where the images go, one after another, before {@link #forward}. */
  float[] input() {
    return input.rows()[0];
  }

  /** Scores of the images in {@link #input}, one row per sample; overwritten by the next call. */
  float[][] forward() {
    Planes values = stemRectifier.forward(stem.forward(input));
    for (ResidualBlock block : blocks) {
      values = block.forward(values);
    }
    return classifier.forward(values);
  }

  /**
   * Runs forward and backward and leaves each parameter's gradient of the summed loss.
   *
   * @param labels of the images in {@link #input}
   * @return the cross-entropy summed over the samples
   */
  double learn(int[] labels) {
    float[][] logits = forward();
    double loss = 0;
    for (int s = 0; s < logits.length; s++) {
      loss += softmaxGradient(logits[s], labels[s], logitGradient[s]);
    }
    Planes gradient = classifier.backward(logitGradient);
    for (ResidualBlock block : blocks.reversed()) {
      gradient = block.backward(gradient);
    }
    stem.backward(stemRectifier.backward(gradient));
    return loss;
  }

  /** Trainable matrices, in an order that is the same for every network of one architecture. */
  List<Parameter> parameters() {
    return List.copyOf(parameters);
  }

  /** See {@link BatchNorm#updateRunning}. */
  void updateRunning(float rate) {
    stem.updateRunning(rate);
    blocks.forEach(block -> block.updateRunning(rate));
  }

  /** The class with the highest score; the first of equals. */
  static int best(float[] logits) {
    int best = 0;
    for (int k = 1; k < logits.length; k++) {
      if (logits[k] > logits[best]) {
        best = k;
      }
    }
    return best;
  }

  private static double softmaxGradient(float[] logits, int label, float[] gradient) {
    float top = logits[best(logits)];
    double sum = 0;
    for (float logit : logits) {
      sum += StrictMath.exp(logit - top);
    }
    for (int k = 0; k < logits.length; k++) {
      double probability = StrictMath.exp(logits[k] - top) / sum;
      gradient[k] = (float) (probability - (k == label ? 1 : 0));
    }
    return StrictMath.log(sum) - (logits[label] - top);
  }
}
