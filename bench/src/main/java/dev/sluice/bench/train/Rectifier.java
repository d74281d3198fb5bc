package dev.sluice.bench.train;

/**
 * The larger of zero and the input, or a cap where that is exceeded. Works in place: the layer
 * before it must not need its own output for its gradient.
 *
 * <p>Not thread-safe.
 */
final class Rectifier implements Layer {
  private final float cap;
  private Planes output;

  /** A rectifier without a cap. */
  Rectifier() {
    this(Float.POSITIVE_INFINITY);
  }

  /** A rectifier of at most {@code cap}. */
  Rectifier(float cap) {
    this.cap = cap;
  }

  @Override
  public Planes forward(Planes in) {
    output = in;
    for (float[] row : in.rows()) {
      for (int i = 0; i < row.length; i++) {
        row[i] = Math.min(Math.max(row[i], 0f), cap);
      }
    }
    return in;
  }

  @Override
  public Planes backward(Planes gradient) {
    for (int c = 0; c < gradient.channels(); c++) {
      float[] g = gradient.rows()[c];
      float[] y = output.rows()[c];
      for (int i = 0; i < g.length; i++) {
        g[i] = y[i] > 0 && y[i] < cap ? g[i] : 0f;
      }
    }
    return gradient;
  }
}
