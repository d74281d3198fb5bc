package dev.sluice.bench.train;

/**
 * A trainable matrix as one network sees it.
 *
 * <p>Not thread-safe: both matrices are written in place.
 */
final class Parameter {
  private final String name;
  private final float[][] value;
  private final float[][] gradient;
  private final boolean decays;

  /**
   * A parameter with a gradient of zeros.
   *
   * @param value shared by all networks over the same weights
   * @param decays whether weight decay pulls it towards zero
   */
  Parameter(String name, float[][] value, boolean decays) {
    this.name = name;
    this.value = value;
    this.gradient = new float[value.length][value[0].length];
    this.decays = decays;
  }

  String name() {
    return name;
  }

  float[][] value() {
    return value;
  }

  /** This network's own gradient of the loss, as large as the value. */
  float[][] gradient() {
    return gradient;
  }

  boolean decays() {
    return decays;
  }
}
