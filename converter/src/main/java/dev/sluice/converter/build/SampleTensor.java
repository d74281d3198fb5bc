package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;

/**
 * A tensor of a trial run.
 *
 * <p>Thread safety: immutable, but for the memory.
 *
 * @param type element type
 * @param shape static
 * @param data the elements, C order, little endian; null for STRING, whose elements do not matter
 *     here
 */
record SampleTensor(ElementType type, Shape shape, MemorySegment data) {
  /** Bytes of one row, axis 0 being the rows. */
  long rowBytes() {
    return type.byteSize(shape.elementCount(1));
  }

  /** Row {@code row}. */
  MemorySegment row(long row) {
    return data.asSlice(row * rowBytes(), rowBytes());
  }

  /** This tensor of one row, so many times. */
  SampleTensor repeated(long rows) {
    Shape repeated = shape.withDim(0, rows);
    if (data == null) {
      return new SampleTensor(type, repeated, null);
    }
    byte[] bytes = new byte[Math.toIntExact(rowBytes() * rows)];
    for (long row = 0; row < rows; row++) {
      MemorySegment.ofArray(bytes).asSlice(row * rowBytes(), rowBytes()).copyFrom(data);
    }
    return new SampleTensor(type, repeated, MemorySegment.ofArray(bytes));
  }

  /** Row 0. */
  SampleTensor first() {
    return new SampleTensor(type, shape.withDim(0, 1), data == null ? null : row(0));
  }
}
