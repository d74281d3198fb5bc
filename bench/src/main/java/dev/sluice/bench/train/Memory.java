package dev.sluice.bench.train;

import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.Arrays;

/**
 * The sizes of a network that reads a sequence by long short-term memory and classifies it by the
 * state after the last step.
 *
 * <p>Immutable, hence thread-safe.
 *
 * @param steps of a sample
 * @param features of a step
 * @param hidden values of the state
 */
record Memory(int steps, int features, int hidden, int classes) implements Blueprint {
  /** The network of the zoo. */
  static final Memory SHIPPED = new Memory(Gestures.STEPS, Gestures.FEATURES, 48, Gestures.CLASSES);

  /** Name of the layer's weights. */
  static final String LAYER = "lstm";

  @Override
  public Net net(Weights weights, int samples, boolean folded) {
    return new SequenceNet(this, weights, samples);
  }

  @Override
  public ModelProto export(Weights folded, String name, String description) {
    return SequenceExport.model(this, folded, name, description);
  }

  /** Nothing here feeds a rectifier. */
  @Override
  public double gain(String weight) {
    return 1;
  }

  /** Starts with gates that remember (Jozefowicz et al., "An Empirical Exploration …"). */
  @Override
  public Weights initialise(long seed) {
    Weights weights = Blueprint.super.initialise(seed);
    float[] bias = weights.get(LAYER + ".bias")[0];
    Arrays.fill(bias, Recurrent.FORGET * hidden, (Recurrent.FORGET + 1) * hidden, 1);
    return weights;
  }

  @Override
  public String summary() {
    return "LSTM: %d steps of %d features, state of %d, linear on the last"
        .formatted(steps, features, hidden);
  }
}
