package dev.sluice.bench.train;

import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.List;

/**
 * The sizes of an encoder of tokens: embedding, layers of attention, normalisation, the mean over
 * the tokens, then the classifier.
 *
 * <p>Immutable, hence thread-safe.
 *
 * @param vocabulary how many numbers of tokens there are
 * @param tokens of a sample
 * @param hidden values of a token, a multiple of {@code heads}
 * @param layers how many
 * @param heads of attention
 * @param inner width of a layer's inside
 */
record Encoder(
    int vocabulary, int tokens, int hidden, int layers, int heads, int inner, int classes)
    implements Blueprint {
  /** The network of the zoo. */
  static final Encoder SHIPPED =
      new Encoder(Remarks.VOCABULARY, Remarks.TOKENS, 48, 2, 4, 128, Remarks.CLASSES);

  /** Checks the sizes. */
  Encoder {
    if (hidden % heads != 0) {
      throw new IllegalArgumentException(
          "hidden must be a multiple of heads, but these are " + List.of(hidden, heads));
    }
  }

  /** Name of a layer's weights. */
  static String layerName(int index) {
    return "layer" + (index + 1);
  }

  @Override
  public Net net(Weights weights, int samples, boolean folded) {
    return new EncoderNet(this, weights, samples);
  }

  @Override
  public ModelProto export(Weights folded, String name, String description) {
    return EncoderExport.model(this, folded, name, description);
  }

  /** Nothing here feeds a plain rectifier; embeddings of tokens and places add up. */
  @Override
  public double gain(String weight) {
    return weight.startsWith("embedding.") ? 0.5 * hidden : 1;
  }

  /**
   * Starts the vectors of places as waves (Vaswani et al., "Attention Is All You Need"), whose
   * products tell how far two places are apart.
   */
  @Override
  public Weights initialise(long seed) {
    Weights weights = Blueprint.super.initialise(seed);
    float[][] places = weights.get("embedding.place.weight");
    for (int place = 0; place < tokens; place++) {
      for (int c = 0; c < hidden; c++) {
        int wave = c / 2;
        double angle = place * StrictMath.pow(tokens, -2.0 * wave / hidden);
        places[place][c] = (float) (c % 2 == 0 ? StrictMath.sin(angle) : StrictMath.cos(angle));
      }
    }
    return weights;
  }

  @Override
  public String summary() {
    return "encoder: embedding of %d tokens in %d, %d layers of %d heads, GELU of %d, mean, linear"
        .formatted(vocabulary, hidden, layers, heads, inner);
  }
}
