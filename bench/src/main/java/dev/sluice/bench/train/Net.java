package dev.sluice.bench.train;

import java.util.List;

/**
 * A classifier for a fixed number of samples at a time, with its gradient.
 *
 * <p>Not thread-safe; several over the same {@link Weights} may run at once as long as nobody
 * writes those.
 */
abstract class Net {
  private final float[][] logitGradient;

  Net(int samples, int classes) {
    logitGradient = new float[samples][classes];
  }

  /** Where the samples go, one after another in C order, before {@link #forward}. */
  abstract float[] input();

  /** Scores of the samples in {@link #input}, one row each; overwritten by the next call. */
  abstract float[][] forward();

  /**
   * Leaves each parameter's gradient, replacing the last one.
   *
   * @param gradient of the loss by the scores of the last {@link #forward}
   */
  abstract void backward(float[][] gradient);

  /** Trainable matrices, in an order that is the same for every network of one blueprint. */
  abstract List<Parameter> parameters();

  /** See {@link BatchNorm#updateRunning}; a network without any has nothing to do. */
  void updateRunning(float rate) {}

  /**
   * Runs forward and backward and leaves each parameter's gradient of the summed loss.
   *
   * @param labels of the samples in {@link #input}
   * @return the cross-entropy summed over the samples
   */
  final double learn(int[] labels) {
    float[][] logits = forward();
    double loss = 0;
    for (int s = 0; s < logits.length; s++) {
      loss += softmaxGradient(logits[s], labels[s], logitGradient[s]);
    }
    backward(logitGradient);
    return loss;
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
