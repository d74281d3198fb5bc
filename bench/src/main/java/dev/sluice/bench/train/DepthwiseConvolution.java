package dev.sluice.bench.train;

import java.util.Arrays;
import java.util.function.Consumer;

/**
 * A 3x3 convolution of each channel by itself, with zero padding of one and an optional bias.
 *
 * <p>Weights are a matrix of one row per channel; a row runs over kernel row and kernel column.
 *
 * <p>Not thread-safe.
 */
final class DepthwiseConvolution implements Layer {
  private static final int KERNEL = 3;
  private static final int PADDING = 1;

  private final int stride;
  private final Parameter weights;
  private final float[] bias;
  private final Planes output;
  private final Planes inputGradient;
  private Planes input;

  /**
   * A convolution over shared weights.
   *
   * @param like planes as large as the input
   * @param biased whether a bias named {@code name + ".bias"} is added; it is not trained
   */
  DepthwiseConvolution(String name, Weights shared, Planes like, int stride, boolean biased) {
    this.stride = stride;
    int channels = like.channels();
    String weightName = name + ".weight";
    weights = new Parameter(weightName, shared.matrix(weightName, channels, KERNEL * KERNEL), true);
    bias = biased ? shared.row(name + ".bias", channels, 0) : null;
    output =
        new Planes(channels, like.samples(), outputSide(like.height()), outputSide(like.width()));
    inputGradient = like.like();
  }

  private int outputSide(int inputSide) {
    return (inputSide + 2 * PADDING - KERNEL) / stride + 1;
  }

  /** Planes as large as the output. */
  Planes output() {
    return output;
  }

  @Override
  public Planes forward(Planes in) {
    input = in;
    for (int c = 0; c < output.channels(); c++) {
      float[] out = output.rows()[c];
      Arrays.fill(out, bias == null ? 0 : bias[c]);
      for (int k = 0; k < KERNEL * KERNEL; k++) {
        float weight = weights.value()[c][k];
        float[] from = in.rows()[c];
        overlaps(
            k, (inAt, outAt, count) -> spread(from, inAt, stride, weight, out, outAt, 1, count));
      }
    }
    return output;
  }

  @Override
  public Planes backward(Planes gradient) {
    for (int c = 0; c < output.channels(); c++) {
      float[] by = gradient.rows()[c];
      float[] from = input.rows()[c];
      float[] to = inputGradient.rows()[c];
      float[] weightGradient = weights.gradient()[c];
      Arrays.fill(to, 0);
      Arrays.fill(weightGradient, 0);
      for (int k = 0; k < KERNEL * KERNEL; k++) {
        int tap = k;
        float weight = weights.value()[c][k];
        overlaps(
            k,
            (inAt, outAt, count) -> {
              weightGradient[tap] += product(from, inAt, by, outAt, count);
              spread(by, outAt, 1, weight, to, inAt, stride, count);
            });
      }
    }
    return inputGradient;
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    visitor.accept(weights);
  }

  /** Takes part of a row: {@code count} outputs from {@code outAt}, fed from {@code inAt} on. */
  private interface Run {
    void run(int inAt, int outAt, int count);
  }

  /** Hands out, row by row, which outputs a tap of the kernel feeds from inside of the image. */
  private void overlaps(int tap, Run run) {
    int dy = tap / KERNEL - PADDING;
    int dx = tap % KERNEL - PADDING;
    int firstX = dx < 0 ? 1 : 0;
    int height = inputGradient.height();
    int width = inputGradient.width();
    int endX = Math.min(output.width(), Math.floorDiv(width - 1 - dx, stride) + 1);
    for (int s = 0; s < output.samples(); s++) {
      for (int y = 0; y < output.height(); y++) {
        int row = y * stride + dy;
        if (row >= 0 && row < height) {
          int inAt = s * inputGradient.plane() + row * width + firstX * stride + dx;
          int outAt = s * output.plane() + y * output.width() + firstX;
          run.run(inAt, outAt, endX - firstX);
        }
      }
    }
  }

  private static void spread(
      float[] from,
      int fromAt,
      int fromStep,
      float factor,
      float[] to,
      int toAt,
      int toStep,
      int count) {
    if (fromStep == 1 && toStep == 1) {
      for (int i = 0; i < count; i++) {
        to[toAt + i] += factor * from[fromAt + i];
      }
    } else {
      for (int i = 0; i < count; i++) {
        to[toAt + i * toStep] += factor * from[fromAt + i * fromStep];
      }
    }
  }

  private float product(float[] in, int inAt, float[] by, int outAt, int count) {
    float sum = 0;
    for (int i = 0; i < count; i++) {
      sum += in[inAt + i * stride] * by[outAt + i];
    }
    return sum;
  }
}
