package dev.sluice.bench.train;

import java.util.function.Consumer;

/**
 * A layer of an encoder, normalised before each of its two branches: attention, and two linear maps
 * with a {@link Gelu} between them. Each branch is added to its input.
 *
 * <p>Not thread-safe.
 */
final class EncoderLayer implements Layer {
  private final LayerNorm attentionNorm;
  private final SelfAttention attention;
  private final LayerNorm innerNorm;
  private final Linear wide;
  private final Gelu gelu;
  private final Linear narrow;
  private final Planes middle;
  private final Planes output;
  private final Planes middleGradient;
  private final Planes inputGradient;

  /**
   * A layer over shared weights.
   *
   * @param inner channels between the two linear maps
   * @param like planes as large as input and output
   */
  EncoderLayer(String name, Weights shared, int heads, int inner, Planes like) {
    attentionNorm = new LayerNorm(name + ".attention.norm", shared, like);
    attention = new SelfAttention(name + ".attention", shared, heads, like);
    innerNorm = new LayerNorm(name + ".inner.norm", shared, like);
    wide = new Linear(name + ".inner.wide", shared, inner, true, like);
    gelu = new Gelu(wide.output());
    narrow = new Linear(name + ".inner.narrow", shared, like.channels(), true, wide.output());
    middle = like.like();
    output = like.like();
    middleGradient = like.like();
    inputGradient = like.like();
  }

  @Override
  public Planes forward(Planes in) {
    middle.sum(in, attention.forward(attentionNorm.forward(in)));
    Planes branch = narrow.forward(gelu.forward(wide.forward(innerNorm.forward(middle))));
    output.sum(middle, branch);
    return output;
  }

  @Override
  public Planes backward(Planes gradient) {
    Planes branch = innerNorm.backward(wide.backward(gelu.backward(narrow.backward(gradient))));
    middleGradient.sum(gradient, branch);
    inputGradient.sum(middleGradient, attentionNorm.backward(attention.backward(middleGradient)));
    return inputGradient;
  }

  @Override
  public void parameters(Consumer<Parameter> visitor) {
    attentionNorm.parameters(visitor);
    attention.parameters(visitor);
    innerNorm.parameters(visitor);
    wide.parameters(visitor);
    narrow.parameters(visitor);
  }
}
