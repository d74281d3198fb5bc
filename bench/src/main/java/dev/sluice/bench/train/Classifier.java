package dev.sluice.bench.train;

import java.util.function.Consumer;

/**
 * The network's end: each channel's mean over the image, then one linear map to a score per class.
 *
 * <p>Not thread-safe.
 */
final class Classifier {
  private final int samples;
  private final int classes;
  private final Parameter weights;
  private final Parameter bias;
  private final float[][] features;
  private final float[][] logits;
  private final Planes inputGradient;

  Classifier(Weights shared, Planes input, int classes) {
    this.samples = input.samples();
    this.classes = classes;
    int channels = input.channels();
    weights =
        new Parameter(
            "classifier.weight", shared.matrix("classifier.weight", classes, channels), true);
    bias = new Parameter("classifier.bias", shared.matrix("classifier.bias", 1, classes), false);
    features = new float[samples][channels];
    logits = new float[samples][classes];
    inputGradient = input.like();
  }

  /** Scores, one row per sample; overwritten by the next call. */
  float[][] forward(Planes in) {
    int plane = in.plane();
    for (int s = 0; s < samples; s++) {
      for (int c = 0; c < in.channels(); c++) {
        float sum = 0;
        for (int i = s * plane; i < (s + 1) * plane; i++) {
          sum += in.rows()[c][i];
        }
        features[s][c] = sum / plane;
      }
      for (int k = 0; k < classes; k++) {
        float score = bias.value()[0][k];
        for (int c = 0; c < in.channels(); c++) {
          score += weights.value()[k][c] * features[s][c];
        }
        logits[s][k] = score;
      }
    }
    return logits;
  }

  /** From the gradient by the scores to that by the input; see {@link Layer#backward}. */
  Planes backward(float[][] gradient) {
    int plane = inputGradient.plane();
    for (int k = 0; k < classes; k++) {
      bias.gradient()[0][k] = 0;
      for (int c = 0; c < inputGradient.channels(); c++) {
        weights.gradient()[k][c] = 0;
      }
    }
    for (int s = 0; s < samples; s++) {
      for (int k = 0; k < classes; k++) {
        bias.gradient()[0][k] += gradient[s][k];
      }
      for (int c = 0; c < inputGradient.channels(); c++) {
        float sum = 0;
        for (int k = 0; k < classes; k++) {
          weights.gradient()[k][c] += gradient[s][k] * features[s][c];
          sum += gradient[s][k] * weights.value()[k][c];
        }
        float each = sum / plane;
        for (int i = s * plane; i < (s + 1) * plane; i++) {
          inputGradient.rows()[c][i] = each;
        }
      }
    }
    return inputGradient;
  }

  void parameters(Consumer<Parameter> visitor) {
    visitor.accept(weights);
    visitor.accept(bias);
  }
}
