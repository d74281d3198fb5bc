package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Reals;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A tensor on its way from a file to the engine or back.
 *
 * <p>Thread safety: immutable, but for the memory.
 *
 * @param type its element type
 * @param shape static
 * @param data the elements in C order, little endian; null for STRING
 * @param strings the elements of a STRING tensor, else null
 */
record Tensor(ElementType type, Shape shape, MemorySegment data, List<String> strings) {
  /** Whether a type is one that {@link #as} takes and gives. */
  static boolean isConvertible(ElementType type) {
    return type == ElementType.FLOAT || type == ElementType.FLOAT16 || type == ElementType.BFLOAT16;
  }

  /**
   * The same numbers in another type, rounded to nearest, on the heap.
   *
   * @throws ArithmeticException naming the first that is past the type's range
   */
  Tensor as(ElementType other) {
    if (other == type) {
      return this;
    }
    long count = shape.elementCount();
    byte[] bytes = new byte[Math.toIntExact(other.byteSize(count))];
    MemorySegment target = MemorySegment.ofArray(bytes);
    for (long i = 0; i < count; i++) {
      double value = Reals.get(type, data, i);
      Reals.set(other, target, i, value);
      if (Double.isFinite(value) && Double.isInfinite(Reals.get(other, target, i))) {
        throw new ArithmeticException("element " + i + " is " + value + ", past " + other);
      }
    }
    return new Tensor(other, shape, target, null);
  }
}
