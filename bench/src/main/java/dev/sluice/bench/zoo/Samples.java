package dev.sluice.bench.zoo;

import dev.sluice.bench.train.Dataset;
import dev.sluice.bindings.ElementType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Labelled samples as a model takes them.
 *
 * <p>Thread safety: the memory and the arrays are shared, not copied; whoever writes them keeps
 * readers away.
 *
 * @param input name of the model's only input
 * @param type its element type
 * @param rowShape of one sample
 * @param data all samples in C order and the machine's byte order; native memory that lives as long
 *     as somebody refers to it
 * @param labels the class of each sample
 */
@SuppressWarnings("ArrayRecordComponent") // handed on, never compared
public record Samples(
    String input, ElementType type, long[] rowShape, MemorySegment data, int[] labels) {
  private static final long ALIGNMENT_BYTES = 64;

  /** Draws the first {@code count} samples of a data set. */
  static Samples draw(Dataset dataset, int count) {
    if (count < 1) {
      throw new IllegalArgumentException("count is " + count + "; ask for at least one sample");
    }
    int elements = dataset.rowElements();
    ElementType type = dataset.type();
    MemorySegment data =
        Arena.ofAuto().allocate(type.byteSize(Math.multiplyFull(count, elements)), ALIGNMENT_BYTES);
    float[] row = new float[elements];
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      dataset.draw(i, row, 0);
      labels[i] = dataset.label(i);
      long from = (long) i * elements;
      for (int e = 0; e < elements; e++) {
        switch (type) {
          case FLOAT -> data.setAtIndex(ValueLayout.JAVA_FLOAT, from + e, row[e]);
          case INT64 -> data.setAtIndex(ValueLayout.JAVA_LONG, from + e, (long) row[e]);
          default ->
              throw new IllegalStateException(
                  "samples of " + dataset.input() + " are " + type + ", not FLOAT or INT64");
        }
      }
    }
    return new Samples(dataset.input(), type, dataset.rowShape(), data, labels);
  }

  /** How many samples there are. */
  public int count() {
    return labels.length;
  }

  /** The memory of one sample, which is part of {@link #data}. */
  public MemorySegment row(int index) {
    long bytes = data.byteSize() / labels.length;
    return data.asSlice(index * bytes, bytes);
  }
}
