package dev.sluice.bench.train;

import dev.sluice.bench.train.Convolution.Geometry;
import java.util.function.Consumer;

/**
 * Two 3x3 convolutions whose result is added to the block's input, rectified in between and at the
 * end. Where the block changes the size, a 1x1 convolution brings the input to it.
 *
 * <p>Not thread-safe.
 */
final class ResidualBlock implements Layer {
  private final NormalisedConvolution first;
  private final NormalisedConvolution second;
  private final NormalisedConvolution shortcut;
  private final Rectifier inner = new Rectifier();
  private final Rectifier outer = new Rectifier();
  private final Planes sum;
  private final Planes branchGradient;

  /**
   * A block over shared weights.
   *
   * @param stride of the first convolution, 1 or 2
   */
  ResidualBlock(
      String name,
      Weights shared,
      int inputs,
      int outputs,
      int stride,
      int inputSide,
      int samples,
      boolean folded) {
    Geometry in = new Geometry(inputs, outputs, 3, stride, inputSide);
    Geometry out = new Geometry(outputs, outputs, 3, 1, in.outputSide());
    first = new NormalisedConvolution(name + ".conv1", shared, in, samples, folded, false);
    second = new NormalisedConvolution(name + ".conv2", shared, out, samples, folded, false);
    shortcut =
        stride == 1 && inputs == outputs
            ? null
            : new NormalisedConvolution(
                name + ".shortcut",
                shared,
                new Geometry(inputs, outputs, 1, stride, inputSide),
                samples,
                folded,
                false);
    sum = new Planes(outputs, samples, in.outputSide(), in.outputSide());
    branchGradient = sum.like();
  }

  @Override
  public Planes forward(Planes in) {
    Planes branch = second.forward(inner.forward(first.forward(in)));
    Planes straight = shortcut == null ? in : shortcut.forward(in);
    sum.sum(branch, straight);
    return outer.forward(sum);
  }

  @Override
  public Planes backward(Planes gradient) {
    Planes both = outer.backward(gradient);
    for (int c = 0; c < both.channels(); c++) {
      System.arraycopy(both.rows()[c], 0, branchGradient.rows()[c], 0, both.length());
    }
    Planes byInput = first.backward(inner.backward(second.backward(branchGradient)));
    Planes straight = shortcut == null ? both : shortcut.backward(both);
    byInput.add(straight);
    return byInput;
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    first.parameters(visitor);
    second.parameters(visitor);
    if (shortcut != null) {
      shortcut.parameters(visitor);
    }
  }

  /** See {@link BatchNorm#updateRunning}. */
  void updateRunning(float rate) {
    first.updateRunning(rate);
    second.updateRunning(rate);
    if (shortcut != null) {
      shortcut.updateRunning(rate);
    }
  }
}
