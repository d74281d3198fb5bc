package dev.sluice.bench.train;

import dev.sluice.bindings.ElementType;

/**
 * A numbered, endless collection of labelled samples: a sample is always the same for its number,
 * whatever was made before it. Labels go round, so every run of {@link #classes} samples holds each
 * class once.
 *
 * <p>Implementations are not thread-safe: they draw into buffers of their own.
 */
public interface Dataset {
  /** The name of the models' input that takes the samples. */
  String input();

  /** The element type of that input. */
  ElementType type();

  /** The shape of one sample. */
  long[] rowShape();

  /** How many classes there are. */
  int classes();

  /**
   * Draws one sample.
   *
   * @param index of the sample
   * @param values receives {@link #rowElements} values in C order; numbers of tokens as whole
   *     floats
   * @param at where in {@code values}
   */
  void draw(long index, float[] values, int at);

  /** The class of a sample. */
  default int label(long index) {
    return (int) (index % classes());
  }

  /** How many values a sample has. */
  default int rowElements() {
    int elements = 1;
    for (long size : rowShape()) {
      elements *= Math.toIntExact(size);
    }
    return elements;
  }

  /** Where samples come from. */
  @FunctionalInterface
  interface Source {
    /** The samples of a family under a seed. */
    Dataset of(Family family, long seed);
  }
}
