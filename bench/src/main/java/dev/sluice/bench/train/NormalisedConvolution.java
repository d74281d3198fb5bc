package dev.sluice.bench.train;

import dev.sluice.bench.train.Convolution.Geometry;
import java.util.function.Consumer;

/**
 * A convolution followed by batch normalisation while training, or by a bias alone once the
 * normalisation has been folded into it.
 *
 * <p>Not thread-safe.
 */
final class NormalisedConvolution implements Layer {
  private final Layer convolution;
  private final BatchNorm norm;

  private NormalisedConvolution(Layer convolution, BatchNorm norm) {
    this.convolution = convolution;
    this.norm = norm;
  }

  NormalisedConvolution(
      String name, Weights shared, Geometry geometry, int samples, boolean folded, boolean first) {
    this(
        new Convolution(name, shared, geometry, samples, folded, first),
        norm(
            name,
            shared,
            new Planes(geometry.outputs(), samples, geometry.outputSide(), geometry.outputSide()),
            folded));
  }

  /** A {@link DepthwiseConvolution} for inputs as large as the given planes. */
  static NormalisedConvolution depthwise(
      String name, Weights shared, Planes like, int stride, boolean folded) {
    DepthwiseConvolution convolution = new DepthwiseConvolution(name, shared, like, stride, folded);
    return new NormalisedConvolution(convolution, norm(name, shared, convolution.output(), folded));
  }

  private static BatchNorm norm(String name, Weights shared, Planes like, boolean folded) {
    return folded ? null : new BatchNorm(name, shared, like);
  }

  @Override
  public Planes forward(Planes in) {
    Planes out = convolution.forward(in);
    return norm == null ? out : norm.forward(out);
  }

  @Override
  public Planes backward(Planes gradient) {
    return convolution.backward(norm == null ? gradient : norm.backward(gradient));
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    convolution.parameters(visitor);
    if (norm != null) {
      norm.parameters(visitor);
    }
  }

  /** See {@link BatchNorm#updateRunning}. */
  void updateRunning(float rate) {
    norm.updateRunning(rate);
  }
}
