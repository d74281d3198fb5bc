package dev.sluice.bench.train;

/**
 * The input times the share of a normal distribution that lies below it (Hendrycks and Gimpel,
 * "Gaussian Error Linear Units").
 *
 * <p>Not thread-safe.
 */
final class Gelu implements Layer {
  private final Planes share;
  private final Planes output;
  private Planes input;

  Gelu(Planes like) {
    share = like.like();
    output = like.like();
  }

  @Override
  public Planes forward(Planes in) {
    input = in;
    for (int c = 0; c < in.channels(); c++) {
      float[] x = in.rows()[c];
      float[] below = share.rows()[c];
      float[] out = output.rows()[c];
      for (int i = 0; i < x.length; i++) {
        below[i] = Elementary.normalBelow(x[i]);
        out[i] = x[i] * below[i];
      }
    }
    return output;
  }

  @Override
  public Planes backward(Planes gradient) {
    for (int c = 0; c < gradient.channels(); c++) {
      float[] g = gradient.rows()[c];
      float[] x = input.rows()[c];
      float[] below = share.rows()[c];
      for (int i = 0; i < g.length; i++) {
        g[i] *= below[i] + x[i] * Elementary.normalDensity(x[i]);
      }
    }
    return gradient;
  }
}
