package dev.sluice.bench.train;

/**
 * The values of a layer for a few samples, channel by channel: {@code rows[c]} holds the images of
 * channel {@code c} of all samples, one after another, each row by row. So whatever treats all
 * samples alike runs along one long array.
 *
 * <p>Not thread-safe: the arrays are written in place.
 */
final class Planes {
  private final int channels;
  private final int samples;
  private final int height;
  private final int width;
  private final float[][] rows;

  /** Zeros. */
  Planes(int channels, int samples, int height, int width) {
    this.channels = channels;
    this.samples = samples;
    this.height = height;
    this.width = width;
    this.rows = new float[channels][samples * height * width];
  }

  /** Zeros of the same size. */
  Planes like() {
    return new Planes(channels, samples, height, width);
  }

  int channels() {
    return channels;
  }

  int samples() {
    return samples;
  }

  int height() {
    return height;
  }

  int width() {
    return width;
  }

  /** One array per channel, of {@link #length} values. */
  float[][] rows() {
    return rows;
  }

  /** Adds the values of planes of the same size. */
  void add(Planes more) {
    for (int c = 0; c < channels; c++) {
      float[] to = rows[c];
      float[] from = more.rows[c];
      for (int i = 0; i < to.length; i++) {
        to[i] += from[i];
      }
    }
  }

  /** Sets the values to the sum of two planes of the same size. */
  void sum(Planes first, Planes second) {
    for (int c = 0; c < channels; c++) {
      float[] a = first.rows[c];
      float[] b = second.rows[c];
      float[] out = rows[c];
      for (int i = 0; i < out.length; i++) {
        out[i] = a[i] + b[i];
      }
    }
  }

  /** Values of one image of one channel. */
  int plane() {
    return height * width;
  }

  /** Values of one channel over all samples. */
  int length() {
    return samples * height * width;
  }
}
