package dev.sluice.bench.train;

import java.util.Arrays;
import java.util.function.Consumer;

/**
 * One linear map of the channels at each place of the planes, with an optional bias.
 *
 * <p>Weights are a matrix of one row per output channel.
 *
 * <p>Not thread-safe.
 */
final class Linear implements Layer {
  private final Parameter weights;
  private final Parameter bias;
  private final Planes output;
  private final Planes inputGradient;
  private final float[][] inputTransposed;
  private final float[][] weightsTransposed;
  private Planes input;

  /**
   * A map over shared weights.
   *
   * @param outputs channels of the output
   * @param biased whether a bias is added
   * @param like planes as large as the input
   */
  Linear(String name, Weights shared, int outputs, boolean biased, Planes like) {
    int inputs = like.channels();
    weights =
        new Parameter(name + ".weight", shared.matrix(name + ".weight", outputs, inputs), true);
    bias =
        biased
            ? new Parameter(name + ".bias", shared.matrix(name + ".bias", 1, outputs), false)
            : null;
    output = new Planes(outputs, like.samples(), like.height(), like.width());
    inputGradient = like.like();
    inputTransposed = new float[like.length()][inputs];
    weightsTransposed = new float[inputs][outputs];
  }

  /** Planes as large as the output. */
  Planes output() {
    return output;
  }

  @Override
  public Planes forward(Planes in) {
    input = in;
    for (int c = 0; c < output.channels(); c++) {
      Arrays.fill(output.rows()[c], bias == null ? 0 : bias.value()[0][c]);
    }
    MatrixProduct.add(
        weights.value(),
        0,
        output.channels(),
        in.channels(),
        in.rows(),
        output.rows(),
        output.length());
    return output;
  }

  @Override
  public Planes backward(Planes gradient) {
    int inputs = input.channels();
    int outputs = output.channels();
    int columns = output.length();
    if (bias != null) {
      addUp(gradient);
    }
    MatrixProduct.transpose(input.rows(), inputs, columns, inputTransposed);
    MatrixProduct.set(
        gradient.rows(), 0, outputs, columns, inputTransposed, weights.gradient(), inputs);
    MatrixProduct.transpose(weights.value(), outputs, inputs, weightsTransposed);
    MatrixProduct.set(
        weightsTransposed, 0, inputs, outputs, gradient.rows(), inputGradient.rows(), columns);
    return inputGradient;
  }

  private void addUp(Planes gradient) {
    for (int c = 0; c < output.channels(); c++) {
      float sum = 0;
      for (float value : gradient.rows()[c]) {
        sum += value;
      }
      bias.gradient()[0][c] = sum;
    }
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    visitor.accept(weights);
    if (bias != null) {
      visitor.accept(bias);
    }
  }
}
