package dev.sluice.bench.train;

/**
 * The larger of zero and the input. Works in place: the layer before it must not need its own
 * output for its gradient.
 *
 * <p>Not thread-safe.
 */
final class Rectifier implements Layer {
  private Planes output;

  @Override
  public Planes forward(Planes in) {
    output = in;
    for (float[] row : in.rows()) {
      for (int i = 0; i < row.length; i++) {
        row[i] = Math.max(row[i], 0f);
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
        g[i] = y[i] > 0 ? g[i] : 0f;
      }
    }
    return gradient;
  }
}
