package dev.sluice.engine;

import java.util.Arrays;

/**
 * The dimensions of a tensor, outermost first. A dynamic dimension is {@link #DYNAMIC}; a scalar
 * has rank 0; a dimension may be 0.
 *
 * <p>Thread safety: immutable.
 */
public final class Shape {
  /** A dimension that is known only at run time. */
  public static final long DYNAMIC = -1;

  private final long[] dims;

  private Shape(long[] dims) {
    this.dims = dims;
  }

  /**
   * A shape of these dimensions.
   *
   * @param dims each at least 0, or {@link #DYNAMIC}
   * @throws IllegalArgumentException for any other negative dimension
   */
  public static Shape of(long... dims) {
    for (long dim : dims) {
      if (dim < DYNAMIC) {
        throw new IllegalArgumentException(
            "a dimension is at least 0, or -1 for dynamic, but this is " + Arrays.toString(dims));
      }
    }
    return new Shape(dims.clone());
  }

  /** Number of dimensions; 0 for a scalar. */
  public int rank() {
    return dims.length;
  }

  /** Dimension {@code axis}, 0 being the outermost; {@link #DYNAMIC} where unknown. */
  public long dim(int axis) {
    return dims[axis];
  }

  /** The dimensions as a new array. */
  public long[] dims() {
    return dims.clone();
  }

  /** Whether every dimension is known. */
  public boolean isStatic() {
    for (long dim : dims) {
      if (dim == DYNAMIC) {
        return false;
      }
    }
    return true;
  }

  /** This shape with dimension {@code axis} replaced. */
  public Shape withDim(int axis, long dim) {
    long[] copy = dims.clone();
    copy[axis] = dim;
    return of(copy);
  }

  /** Whether {@code actual} is this shape, with any value where this one is dynamic. */
  public boolean accepts(Shape actual) {
    if (actual.rank() != rank()) {
      return false;
    }
    for (int i = 0; i < dims.length; i++) {
      if (dims[i] != DYNAMIC && dims[i] != actual.dims[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * Product of all dimensions; 1 for a scalar.
   *
   * @throws IllegalStateException where a dimension is dynamic
   * @throws ArithmeticException where the product overflows a {@code long}
   */
  public long elementCount() {
    return elementCount(0);
  }

  /** Product of the dimensions from {@code fromAxis} on: with 1, the elements of one row. */
  public long elementCount(int fromAxis) {
    long count = 1;
    boolean empty = false;
    for (int i = fromAxis; i < dims.length; i++) {
      if (dims[i] == DYNAMIC) {
        throw new IllegalStateException("dimension " + i + " of " + this + " is dynamic");
      }
      empty |= dims[i] == 0;
    }
    if (empty) {
      return 0;
    }
    for (int i = fromAxis; i < dims.length; i++) {
      count = Math.multiplyExact(count, dims[i]);
    }
    return count;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(dims, shape.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  @Override
  public String toString() {
    return Arrays.toString(dims).replace(" ", "");
  }
}
