package dev.sluice.bench.train;

/**
 * Samples as a network takes them, with their labels.
 *
 * <p>The arrays are shared, not copied; whoever writes them keeps readers away.
 */
final class LabelledRows {
  private final float[] values;
  private final int[] labels;

  LabelledRows(float[] values, int[] labels) {
    this.values = values;
    this.labels = labels;
  }

  /** Draws the first {@code count} samples. */
  static LabelledRows draw(Dataset data, int count) {
    int elements = data.rowElements();
    float[] values = new float[Math.multiplyExact(count, elements)];
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      data.draw(i, values, i * elements);
      labels[i] = data.label(i);
    }
    return new LabelledRows(values, labels);
  }

  /** All samples in C order. */
  float[] values() {
    return values;
  }

  /** One class per sample. */
  int[] labels() {
    return labels;
  }

  int count() {
    return labels.length;
  }

  /** Values of a sample. */
  int rowElements() {
    return values.length / labels.length;
  }
}
