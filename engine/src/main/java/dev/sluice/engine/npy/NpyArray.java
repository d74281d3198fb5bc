package dev.sluice.engine.npy;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A tensor out of a NumPy file or on its way into one.
 *
 * <p>Thread safety: immutable, but for the memory behind {@code data}.
 *
 * @param type one of the types that NumPy has
 * @param shape static
 * @param data the elements in C order, little endian; as long as type and shape say
 */
public record NpyArray(ElementType type, Shape shape, MemorySegment data) {
  /** Checks that the data is as long as type and shape say. */
  public NpyArray {
    Objects.requireNonNull(type, "type");
    long sizeBytes = type.byteSize(shape.elementCount());
    if (data.byteSize() != sizeBytes) {
      throw new IllegalArgumentException(
          type + "" + shape + " takes " + sizeBytes + " bytes, got " + data.byteSize());
    }
  }
}
