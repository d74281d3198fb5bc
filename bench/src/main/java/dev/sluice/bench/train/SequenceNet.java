package dev.sluice.bench.train;

import java.util.ArrayList;
import java.util.List;

/**
 * Long short-term memory and a classifier of its last state, for a fixed number of samples at a
 * time.
 *
 * <p>Not thread-safe; see {@link Net}.
 */
final class SequenceNet extends Net {
  private final float[] input;
  private final Recurrent memory;
  private final Classifier classifier;
  private final List<Parameter> parameters = new ArrayList<>();

  /** See {@link Blueprint#net}. */
  SequenceNet(Memory sizes, Weights weights, int samples) {
    super(samples, sizes.classes());
    input = new float[samples * sizes.steps() * sizes.features()];
    memory =
        new Recurrent(
            Memory.LAYER, weights, samples, sizes.steps(), sizes.features(), sizes.hidden());
    classifier = new Classifier(weights, memory.output(), sizes.classes());
    memory.parameters(parameters::add);
    classifier.parameters(parameters::add);
  }

  @Override
  float[] input() {
    return input;
  }

  @Override
  float[][] forward() {
    return classifier.forward(memory.forward(input));
  }

  @Override
  void backward(float[][] gradient) {
    memory.backward(classifier.backward(gradient));
  }

  @Override
  List<Parameter> parameters() {
    return List.copyOf(parameters);
  }
}
