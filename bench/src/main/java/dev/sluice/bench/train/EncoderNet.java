package dev.sluice.bench.train;

import java.util.ArrayList;
import java.util.List;

/**
 * An encoder of tokens for a fixed number of samples at a time.
 *
 * <p>Not thread-safe; see {@link Net}.
 */
final class EncoderNet extends Net {
  private final float[] input;
  private final Embedding embedding;
  private final List<EncoderLayer> layers = new ArrayList<>();
  private final LayerNorm norm;
  private final Classifier classifier;
  private final List<Parameter> parameters = new ArrayList<>();

  /** See {@link Blueprint#net}. */
  EncoderNet(Encoder sizes, Weights weights, int samples) {
    super(samples, sizes.classes());
    input = new float[samples * sizes.tokens()];
    Planes planes = new Planes(sizes.hidden(), samples, 1, sizes.tokens());
    embedding = new Embedding("embedding", weights, sizes.vocabulary(), planes);
    for (int i = 0; i < sizes.layers(); i++) {
      layers.add(
          new EncoderLayer(Encoder.layerName(i), weights, sizes.heads(), sizes.inner(), planes));
    }
    norm = new LayerNorm("norm", weights, planes);
    classifier = new Classifier(weights, planes, sizes.classes());
    embedding.parameters(parameters::add);
    layers.forEach(layer -> layer.parameters(parameters::add));
    norm.parameters(parameters::add);
    classifier.parameters(parameters::add);
  }

  @Override
  float[] input() {
    return input;
  }

  @Override
  float[][] forward() {
    Planes values = embedding.forward(input);
    for (EncoderLayer layer : layers) {
      values = layer.forward(values);
    }
    return classifier.forward(norm.forward(values));
  }

  @Override
  void backward(float[][] gradient) {
    Planes planes = norm.backward(classifier.backward(gradient));
    for (EncoderLayer layer : layers.reversed()) {
      planes = layer.backward(planes);
    }
    embedding.backward(planes);
  }

  @Override
  List<Parameter> parameters() {
    return List.copyOf(parameters);
  }
}
