package dev.sluice.bench.train;

import java.util.function.Consumer;

/**
 * Attention of each token to all tokens of its sample, by several heads (Vaswani et al., "Attention
 * Is All You Need"). A sample's tokens lie along the width of its planes. Keys have no bias: it
 * would change all scores of an asking token alike, which the softmax takes away again.
 *
 * <p>Not thread-safe.
 */
final class SelfAttention implements Layer {
  private final int heads;
  private final int size;
  private final int tokens;
  private final float scale;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear joined;
  private final Planes context;
  private final Planes queryGradient;
  private final Planes keyGradient;
  private final Planes valueGradient;

  /** By sample and head, then token that asks and token that answers; rows sum to one. */
  private final float[][][] shares;

  private final float[][] sharesTransposed;
  private final float[][] scoreGradient;
  private final float[][] scoreGradientTransposed;

  /** One head's values of one sample, each way round. */
  private final float[][] cut;

  private final float[][] secondCut;
  private final float[][] cutTransposed;
  private Planes queries;
  private Planes keys;
  private Planes values;

  /**
   * Attention over shared weights.
   *
   * @param like planes as large as input and output; their channels are a multiple of {@code heads}
   */
  SelfAttention(String name, Weights shared, int heads, Planes like) {
    this.heads = heads;
    size = like.channels() / heads;
    tokens = like.plane();
    scale = (float) (1 / Math.sqrt(size));
    query = new Linear(name + ".query", shared, like.channels(), true, like);
    key = new Linear(name + ".key", shared, like.channels(), false, like);
    value = new Linear(name + ".value", shared, like.channels(), true, like);
    joined = new Linear(name + ".output", shared, like.channels(), true, like);
    context = like.like();
    queryGradient = like.like();
    keyGradient = like.like();
    valueGradient = like.like();
    shares = new float[like.samples() * heads][tokens][tokens];
    sharesTransposed = new float[tokens][tokens];
    scoreGradient = new float[tokens][tokens];
    scoreGradientTransposed = new float[tokens][tokens];
    cut = new float[size][tokens];
    secondCut = new float[size][tokens];
    cutTransposed = new float[tokens][size];
  }

  @Override
  public Planes forward(Planes in) {
    queries = query.forward(in);
    keys = key.forward(in);
    values = value.forward(in);
    for (int i = 0; i < shares.length; i++) {
      int at = i / heads * tokens;
      int channel = i % heads * size;
      float[][] weights = shares[i];
      cut(queries, channel, at, cut);
      MatrixProduct.transpose(cut, size, tokens, cutTransposed);
      cut(keys, channel, at, cut);
      MatrixProduct.set(cutTransposed, 0, tokens, size, cut, weights, tokens);
      for (float[] row : weights) {
        softmax(row);
      }
      MatrixProduct.transpose(weights, tokens, tokens, sharesTransposed);
      cut(values, channel, at, cut);
      MatrixProduct.set(cut, 0, size, tokens, sharesTransposed, secondCut, tokens);
      paste(secondCut, context, channel, at);
    }
    return joined.forward(context);
  }

  @Override
  public Planes backward(Planes gradient) {
    Planes contextGradient = joined.backward(gradient);
    for (int i = 0; i < shares.length; i++) {
      int at = i / heads * tokens;
      int channel = i % heads * size;
      cut(contextGradient, channel, at, cut);
      MatrixProduct.set(cut, 0, size, tokens, shares[i], secondCut, tokens);
      paste(secondCut, valueGradient, channel, at);
      MatrixProduct.transpose(cut, size, tokens, cutTransposed);
      cut(values, channel, at, cut);
      MatrixProduct.set(cutTransposed, 0, tokens, size, cut, scoreGradient, tokens);
      for (int t = 0; t < tokens; t++) {
        softmaxGradient(shares[i][t], scoreGradient[t]);
      }
      cut(queries, channel, at, cut);
      MatrixProduct.set(cut, 0, size, tokens, scoreGradient, secondCut, tokens);
      paste(secondCut, keyGradient, channel, at);
      MatrixProduct.transpose(scoreGradient, tokens, tokens, scoreGradientTransposed);
      cut(keys, channel, at, cut);
      MatrixProduct.set(cut, 0, size, tokens, scoreGradientTransposed, secondCut, tokens);
      paste(secondCut, queryGradient, channel, at);
    }
    Planes byInput = query.backward(queryGradient);
    byInput.add(key.backward(keyGradient));
    byInput.add(value.backward(valueGradient));
    return byInput;
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    query.parameters(visitor);
    key.parameters(visitor);
    value.parameters(visitor);
    joined.parameters(visitor);
  }

  private void cut(Planes from, int channel, int at, float[][] to) {
    for (int c = 0; c < size; c++) {
      System.arraycopy(from.rows()[channel + c], at, to[c], 0, tokens);
    }
  }

  private void paste(float[][] from, Planes to, int channel, int at) {
    for (int c = 0; c < size; c++) {
      System.arraycopy(from[c], 0, to.rows()[channel + c], at, tokens);
    }
  }

  /** Turns scores into shares, after scaling them. */
  private void softmax(float[] row) {
    float top = row[0];
    for (float score : row) {
      top = Math.max(top, score);
    }
    float sum = 0;
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) Elementary.exp(scale * (row[i] - top));
      sum += row[i];
    }
    float each = 1 / sum;
    for (int i = 0; i < row.length; i++) {
      row[i] *= each;
    }
  }

  /** Turns the gradient by a row of shares into that by its scores before scaling. */
  private void softmaxGradient(float[] row, float[] gradient) {
    float mean = 0;
    for (int i = 0; i < row.length; i++) {
      mean += row[i] * gradient[i];
    }
    for (int i = 0; i < row.length; i++) {
      gradient[i] = scale * row[i] * (gradient[i] - mean);
    }
  }
}
