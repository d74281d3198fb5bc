package dev.sluice.bench.train;

import java.util.Arrays;
import java.util.function.Consumer;

/**
 * A two-dimensional convolution with a square kernel, zero padding of half the kernel, and an
 * optional bias. It unrolls the input's patches into the columns of a matrix, a few samples at a
 * time so that they stay in the cache, and multiplies.
 *
 * <p>Weights are a matrix of one row per output channel; a row runs over input channel, kernel row,
 * kernel column, as ONNX has it.
 *
 * <p>Not thread-safe.
 */
final class Convolution implements Layer {
  /** Columns of a tile; 400 x 288 floats fit the second-level cache of any current core. */
  private static final int TILE_COLUMNS = 400;

  /** What fixes the sizes of a convolution. */
  record Geometry(int inputs, int outputs, int kernel, int stride, int inputSide) {
    int padding() {
      return (kernel - 1) / 2;
    }

    int outputSide() {
      return (inputSide + 2 * padding() - kernel) / stride + 1;
    }

    /** Values of a patch: columns of the weights. */
    int depth() {
      return inputs * kernel * kernel;
    }
  }

  private final Geometry geometry;
  private final boolean first;
  private final Parameter weights;
  private final float[] bias;
  private final Planes output;
  private final Planes inputGradient;
  private final int tileSamples;
  private final float[][] patches;
  private final float[][] patchesTransposed;
  private final float[][] tile;
  private final float[][] weightsTransposed;
  private Planes input;

  /**
   * A convolution over shared weights.
   *
   * @param biased whether a bias named {@code name + ".bias"} is added; it is not trained
   * @param first whether nobody needs the gradient by the input
   */
  Convolution(
      String name, Weights shared, Geometry geometry, int samples, boolean biased, boolean first) {
    this.geometry = geometry;
    this.first = first;
    int depth = geometry.depth();
    int side = geometry.outputSide();
    String weightName = name + ".weight";
    weights = new Parameter(weightName, shared.matrix(weightName, geometry.outputs(), depth), true);
    bias = biased ? shared.row(name + ".bias", geometry.outputs(), 0) : null;
    output = new Planes(geometry.outputs(), samples, side, side);
    inputGradient =
        new Planes(geometry.inputs(), samples, geometry.inputSide(), geometry.inputSide());
    tileSamples = Math.clamp(TILE_COLUMNS / (side * side), 1, samples);
    int columns = tileSamples * side * side;
    patches = new float[depth][columns];
    patchesTransposed = new float[columns][depth];
    tile = new float[geometry.outputs()][columns];
    weightsTransposed = new float[depth][geometry.outputs()];
  }

  @Override
  public Planes forward(Planes in) {
    input = in;
    int plane = output.plane();
    for (int sample = 0; sample < output.samples(); sample += tileSamples) {
      int count = Math.min(tileSamples, output.samples() - sample);
      unroll(in, sample, count);
      for (int c = 0; c < tile.length; c++) {
        Arrays.fill(tile[c], bias == null ? 0 : bias[c]);
      }
      MatrixProduct.add(
          weights.value(), 0, tile.length, geometry.depth(), patches, tile, count * plane);
      for (int c = 0; c < tile.length; c++) {
        System.arraycopy(tile[c], 0, output.rows()[c], sample * plane, count * plane);
      }
    }
    return output;
  }

  @Override
  public Planes backward(Planes gradient) {
    int depth = geometry.depth();
    int outputs = geometry.outputs();
    int plane = output.plane();
    for (float[] row : weights.gradient()) {
      Arrays.fill(row, 0);
    }
    if (!first) {
      MatrixProduct.transpose(weights.value(), outputs, depth, weightsTransposed);
      for (float[] row : inputGradient.rows()) {
        Arrays.fill(row, 0);
      }
    }
    for (int sample = 0; sample < output.samples(); sample += tileSamples) {
      int count = Math.min(tileSamples, output.samples() - sample);
      int columns = count * plane;
      unroll(input, sample, count);
      MatrixProduct.transpose(patches, depth, columns, patchesTransposed);
      MatrixProduct.add(
          gradient.rows(),
          sample * plane,
          outputs,
          columns,
          patchesTransposed,
          weights.gradient(),
          depth);
      if (!first) {
        for (int c = 0; c < outputs; c++) {
          System.arraycopy(gradient.rows()[c], sample * plane, tile[c], 0, columns);
        }
        MatrixProduct.set(weightsTransposed, 0, depth, outputs, tile, patches, columns);
        roll(sample, count);
      }
    }
    return first ? null : inputGradient;
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    visitor.accept(weights);
  }

  /** Writes the patches of some samples into the columns of {@link #patches}. */
  private void unroll(Planes in, int firstSample, int count) {
    int kernel = geometry.kernel();
    for (int k = 0; k < patches.length; k++) {
      float[] from = in.rows()[k / (kernel * kernel)];
      float[] to = patches[k];
      int dy = k / kernel % kernel - geometry.padding();
      int dx = k % kernel - geometry.padding();
      int at = 0;
      for (int s = firstSample; s < firstSample + count; s++) {
        for (int y = 0; y < output.height(); y++) {
          unrollRow(from, s * in.plane(), y * geometry.stride() + dy, dx, to, at);
          at += output.width();
        }
      }
    }
  }

  private void unrollRow(float[] from, int base, int row, int dx, float[] to, int at) {
    int side = geometry.inputSide();
    int width = output.width();
    if (row < 0 || row >= side) {
      Arrays.fill(to, at, at + width, 0);
      return;
    }
    int start = base + row * side;
    for (int x = 0; x < width; x++) {
      int column = x * geometry.stride() + dx;
      to[at + x] = column < 0 || column >= side ? 0 : from[start + column];
    }
  }

  /** Adds the gradients by the patches back onto the gradient by the input. */
  private void roll(int firstSample, int count) {
    int kernel = geometry.kernel();
    int side = geometry.inputSide();
    int width = output.width();
    for (int k = 0; k < patches.length; k++) {
      float[] to = inputGradient.rows()[k / (kernel * kernel)];
      float[] from = patches[k];
      int dy = k / kernel % kernel - geometry.padding();
      int dx = k % kernel - geometry.padding();
      int at = 0;
      for (int s = firstSample; s < firstSample + count; s++) {
        for (int y = 0; y < output.height(); y++) {
          int row = y * geometry.stride() + dy;
          if (row >= 0 && row < side) {
            int start = s * inputGradient.plane() + row * side;
            for (int x = 0; x < width; x++) {
              int column = x * geometry.stride() + dx;
              if (column >= 0 && column < side) {
                to[start + column] += from[at + x];
              }
            }
          }
          at += width;
        }
      }
    }
  }
}
