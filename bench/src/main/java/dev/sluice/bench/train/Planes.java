package dev.sluice.bench.train;

/**
 * The values of a layer for a few samples, channel by channel: {@code rows[c]} holds the images of
 * channel {@code c} of all samples, one after another, each row by row. So whatever treats all
 * samples alike runs along one long array.
 *
 * <p>Not thread-safe: the arrays are written in place.
 *
 * @param rows one array per channel, of {@code samples * height * width} values
 */
record Planes(int channels, int samples, int height, int width, float[][] rows) {
  Planes(int channels, int samples, int height, int width) {
    this(channels, samples, height, width, new float[channels][samples * height * width]);
  }

  /** Zeros of the same size. */
  Planes like() {
    return new Planes(channels, samples, height, width);
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
