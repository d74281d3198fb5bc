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
  private final Convolution convolution;
  private final BatchNorm norm;

  NormalisedConvolution(
      String name, Weights shared, Geometry geometry, int samples, boolean folded, boolean first) {
    convolution = new Convolution(name, shared, geometry, samples, folded, first);
    int side = geometry.outputSide();
    norm =
        folded
            ? null
            : new BatchNorm(name, shared, new Planes(geometry.outputs(), samples, side, side));
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
