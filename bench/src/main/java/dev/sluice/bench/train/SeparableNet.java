package dev.sluice.bench.train;

import dev.sluice.bench.train.Architecture.Block;
import dev.sluice.bench.train.Convolution.Geometry;
import java.util.ArrayList;
import java.util.List;

/**
 * A network of depthwise-separable convolutions for a fixed number of samples at a time.
 *
 * <p>Not thread-safe; see {@link Net}.
 */
final class SeparableNet extends Net {
  private final Planes input;
  private final List<NormalisedConvolution> convolutions = new ArrayList<>();
  private final List<Rectifier> rectifiers = new ArrayList<>();
  private final Classifier classifier;
  private final List<Parameter> parameters = new ArrayList<>();

  /** See {@link Blueprint#net}. */
  SeparableNet(Separable sizes, Weights weights, int samples, boolean folded) {
    super(samples, sizes.classes());
    int side = sizes.side();
    int channels = sizes.stem();
    input = new Planes(1, samples, side, side);
    add(
        new NormalisedConvolution(
            "stem", weights, new Geometry(1, channels, 3, 1, side), samples, folded, true));
    int number = 0;
    for (Block block : sizes.blocks()) {
      String name = Architecture.blockName(number++);
      add(
          NormalisedConvolution.depthwise(
              name + ".depthwise",
              weights,
              new Planes(channels, samples, side, side),
              block.stride(),
              folded));
      side = new Geometry(channels, channels, 3, block.stride(), side).outputSide();
      add(
          new NormalisedConvolution(
              name + ".pointwise",
              weights,
              new Geometry(channels, block.channels(), 1, 1, side),
              samples,
              folded,
              false));
      channels = block.channels();
    }
    classifier =
        new Classifier(weights, new Planes(channels, samples, side, side), sizes.classes());
    convolutions.forEach(convolution -> convolution.parameters(parameters::add));
    classifier.parameters(parameters::add);
  }

  private void add(NormalisedConvolution convolution) {
    convolutions.add(convolution);
    rectifiers.add(new Rectifier(Separable.CAP));
  }

  @Override
  float[] input() {
    return input.rows()[0];
  }

  @Override
  float[][] forward() {
    Planes values = input;
    for (int i = 0; i < convolutions.size(); i++) {
      values = rectifiers.get(i).forward(convolutions.get(i).forward(values));
    }
    return classifier.forward(values);
  }

  @Override
  void backward(float[][] gradient) {
    Planes planes = classifier.backward(gradient);
    for (int i = convolutions.size() - 1; i >= 0; i--) {
      planes = convolutions.get(i).backward(rectifiers.get(i).backward(planes));
    }
  }

  @Override
  List<Parameter> parameters() {
    return List.copyOf(parameters);
  }

  @Override
  void updateRunning(float rate) {
    convolutions.forEach(convolution -> convolution.updateRunning(rate));
  }
}
