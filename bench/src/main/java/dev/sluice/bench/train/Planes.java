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

  /** Values of one image of one channel. */
  int plane() {
    return height * width;
  }

  /** Values of one channel over all samples. */
  int length() {
    return samples * height * width;
  }
}
