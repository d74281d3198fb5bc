package dev.sluice.bench.train;

import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Long short-term memory (Hochreiter and Schmidhuber; with the forget gate of Gers et al.), from
 * sequences to the state after their last step.
 *
 * <p>Weights have a row per gate and value of the state: input, output, forget and cell gate, as
 * ONNX has them. Inside, values lie step by step: a row per channel, in it all samples of the first
 * step, then all of the second.
 *
 * <p>Not thread-safe.
 */
final class Recurrent {
  /** Input, output, forget and cell. */
  static final int GATES = 4;

  /** Which of the gates forgets. */
  static final int FORGET = 2;

  private final int samples;
  private final int steps;
  private final int features;
  private final int hidden;
  private final Parameter inputWeights;
  private final Parameter stateWeights;
  private final Parameter bias;

  /** The features, then the state before each step: what the gates are computed from. */
  private final float[][] sources;

  /** After their functions, by step. */
  private final float[][] gates;

  /** The cell before each step, and after the last. */
  private final float[][] cells;

  /** The cell after each step through the hyperbolic tangent. */
  private final float[][] squashed;

  private final float[][] sums;
  private final float[][] state;
  private final float[][] gateGradient;
  private final float[][] stateGradient;
  private final float[][] cellGradient;
  private final float[][] sourcesTransposed;
  private final float[][] weightGradient;
  private final float[][] stateWeightsTransposed;
  private final Planes last;

  /** A layer over shared weights. */
  Recurrent(String name, Weights shared, int samples, int steps, int features, int hidden) {
    this.samples = samples;
    this.steps = steps;
    this.features = features;
    this.hidden = hidden;
    int rows = GATES * hidden;
    int columns = steps * samples;
    String input = name + ".input.weight";
    String recurrent = name + ".state.weight";
    inputWeights = new Parameter(input, shared.matrix(input, rows, features), true);
    stateWeights = new Parameter(recurrent, shared.matrix(recurrent, rows, hidden), true);
    bias = new Parameter(name + ".bias", shared.matrix(name + ".bias", 1, rows), false);
    sources = new float[features + hidden][columns];
    gates = new float[rows][columns];
    cells = new float[hidden][columns + samples];
    squashed = new float[hidden][columns];
    sums = new float[rows][samples];
    state = new float[hidden][samples];
    gateGradient = new float[rows][columns];
    stateGradient = new float[hidden][samples];
    cellGradient = new float[hidden][samples];
    sourcesTransposed = new float[columns][features + hidden];
    weightGradient = new float[rows][features + hidden];
    stateWeightsTransposed = new float[hidden][rows];
    last = new Planes(hidden, samples, 1, 1);
  }

  /** Planes as large as the output. */
  Planes output() {
    return last;
  }

  /**
   * Runs through sequences.
   *
   * @param input sample by sample, step by step
   * @return each sample's state after its last step
   */
  Planes forward(float[] input) {
    for (int c = 0; c < features; c++) {
      for (int s = 0; s < samples; s++) {
        for (int t = 0; t < steps; t++) {
          sources[c][t * samples + s] = input[(s * steps + t) * features + c];
        }
      }
    }
    for (int r = 0; r < gates.length; r++) {
      Arrays.fill(gates[r], bias.value()[0][r]);
    }
    MatrixProduct.add(
        inputWeights.value(), 0, gates.length, features, sources, gates, steps * samples);
    for (int c = 0; c < hidden; c++) {
      Arrays.fill(state[c], 0);
      Arrays.fill(cells[c], 0, samples, 0);
    }
    for (int t = 0; t < steps; t++) {
      step(t * samples);
    }
    for (int c = 0; c < hidden; c++) {
      System.arraycopy(state[c], 0, last.rows()[c], 0, samples);
    }
    return last;
  }

  /** One step, whose values begin at {@code at}. */
  private void step(int at) {
    for (int r = 0; r < sums.length; r++) {
      System.arraycopy(gates[r], at, sums[r], 0, samples);
    }
    for (int c = 0; c < hidden; c++) {
      System.arraycopy(state[c], 0, sources[features + c], at, samples);
    }
    MatrixProduct.add(stateWeights.value(), 0, sums.length, hidden, state, sums, samples);
    for (int c = 0; c < hidden; c++) {
      float[] in = gates[c];
      float[] out = gates[hidden + c];
      float[] forget = gates[FORGET * hidden + c];
      float[] cell = gates[(GATES - 1) * hidden + c];
      float[] memory = cells[c];
      for (int s = 0; s < samples; s++) {
        in[at + s] = Elementary.sigmoid(sums[c][s]);
        out[at + s] = Elementary.sigmoid(sums[hidden + c][s]);
        forget[at + s] = Elementary.sigmoid(sums[FORGET * hidden + c][s]);
        cell[at + s] = Elementary.tanh(sums[(GATES - 1) * hidden + c][s]);
        float kept = forget[at + s] * memory[at + s] + in[at + s] * cell[at + s];
        memory[at + samples + s] = kept;
        squashed[c][at + s] = Elementary.tanh(kept);
        state[c][s] = out[at + s] * squashed[c][at + s];
      }
    }
  }

  /** See {@link Layer#backward}; there is no gradient by the input. */
  void backward(Planes gradient) {
    int rows = gates.length;
    int columns = steps * samples;
    for (int c = 0; c < hidden; c++) {
      System.arraycopy(gradient.rows()[c], 0, stateGradient[c], 0, samples);
      Arrays.fill(cellGradient[c], 0);
    }
    MatrixProduct.transpose(stateWeights.value(), rows, hidden, stateWeightsTransposed);
    for (int t = steps - 1; t >= 0; t--) {
      stepBack(t * samples);
    }
    for (int r = 0; r < rows; r++) {
      float sum = 0;
      for (float value : gateGradient[r]) {
        sum += value;
      }
      bias.gradient()[0][r] = sum;
    }
    int width = features + hidden;
    MatrixProduct.transpose(sources, width, columns, sourcesTransposed);
    MatrixProduct.set(gateGradient, 0, rows, columns, sourcesTransposed, weightGradient, width);
    for (int r = 0; r < rows; r++) {
      System.arraycopy(weightGradient[r], 0, inputWeights.gradient()[r], 0, features);
      System.arraycopy(weightGradient[r], features, stateWeights.gradient()[r], 0, hidden);
    }
  }

  /** From the gradients by a step's state and cell to those by its gates and by those before it. */
  private void stepBack(int at) {
    for (int c = 0; c < hidden; c++) {
      int outRow = hidden + c;
      int forgetRow = FORGET * hidden + c;
      int cellRow = (GATES - 1) * hidden + c;
      for (int s = 0; s < samples; s++) {
        float in = gates[c][at + s];
        float out = gates[outRow][at + s];
        float forget = gates[forgetRow][at + s];
        float cell = gates[cellRow][at + s];
        float squash = squashed[c][at + s];
        float byState = stateGradient[c][s];
        float byCell = cellGradient[c][s] + byState * out * (1 - squash * squash);
        sums[c][s] = byCell * cell * in * (1 - in);
        sums[outRow][s] = byState * squash * out * (1 - out);
        sums[forgetRow][s] = byCell * cells[c][at + s] * forget * (1 - forget);
        sums[cellRow][s] = byCell * in * (1 - cell * cell);
        cellGradient[c][s] = byCell * forget;
      }
    }
    MatrixProduct.set(stateWeightsTransposed, 0, hidden, sums.length, sums, stateGradient, samples);
    for (int r = 0; r < sums.length; r++) {
      System.arraycopy(sums[r], 0, gateGradient[r], at, samples);
    }
  }

  void parameters(Consumer<Parameter> visitor) {
    visitor.accept(inputWeights);
    visitor.accept(stateWeights);
    visitor.accept(bias);
  }
}
