package dev.sluice.bench.models;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bench.train.SeededDraws;
import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * An input of a generated model, and what may stand in it.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the input
 * @param type FLOAT or INT64
 * @param shape with the batch, fixed or dynamic, as dimension 0
 * @param bound floats are drawn from [-bound, bound), integers from 0 .. bound-1
 */
public record ModelInput(String name, ElementType type, Shape shape, double bound) {
  /** Checks the type. */
  public ModelInput {
    if (type != ElementType.FLOAT && type != ElementType.INT64) {
      throw new IllegalArgumentException(
          name + " is of type " + type + ", but values are drawn for FLOAT and INT64 only");
    }
  }

  /** The shape of {@code rows} rows. */
  public Shape shape(int rows) {
    return shape.withDim(0, rows);
  }

  /**
   * Draws rows. A row depends on the seed and its number only, not on those drawn with it.
   *
   * @param arena what the result lives in
   * @param first number of the first row
   * @param rows how many
   * @return the elements of {@link #shape(int)}, C order
   */
  public MemorySegment rows(Arena arena, int first, int rows, long seed) {
    long rowElements = shape(1).elementCount();
    MemorySegment data = arena.allocate(type.byteSize(rows * rowElements), 64);
    for (int row = 0; row < rows; row++) {
      SeededDraws draws = SeededDraws.of(seed + name.hashCode(), first + row);
      for (long i = row * rowElements; i < (row + 1) * rowElements; i++) {
        if (type == ElementType.FLOAT) {
          data.setAtIndex(JAVA_FLOAT, i, (float) draws.within(bound));
        } else {
          data.setAtIndex(JAVA_LONG, i, draws.below((int) bound));
        }
      }
    }
    return data;
  }
}
