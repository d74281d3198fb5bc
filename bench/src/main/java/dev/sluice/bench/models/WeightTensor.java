package dev.sluice.bench.models;

/**
 * A tensor of weights that are drawn when the model is written.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the initializer
 * @param rows how many outputs share the elements evenly
 * @param rowElements how many each has
 * @param offsetBytes where it begins in the file of weights
 * @param mean what the weights lie around
 * @param bound how far from the mean they go: uniform, hence of a standard deviation of bound /
 *     sqrt(3)
 * @param centred whether each row has a sum of 0
 */
record WeightTensor(
    String name,
    int rows,
    int rowElements,
    long offsetBytes,
    double mean,
    double bound,
    boolean centred) {
  long elements() {
    return (long) rows * rowElements;
  }
}
