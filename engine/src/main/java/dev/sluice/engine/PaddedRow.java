package dev.sluice.engine;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One row of a tensor inside of a larger one, both in C order: each axis begins where the larger
 * one's does, and ends earlier. What is contiguous in both is a run; between runs lies the padding.
 *
 * <pre>
 * own [2,3] in padded [2,5]:   e e e p p e e e p p     runs of 3 elements at 0 and 5
 * </pre>
 *
 * <p>Nothing here allocates once it is made.
 *
 * <p>Thread safety: immutable, but for the memory that it is given.
 */
public final class PaddedRow {
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);
  private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LE);
  private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LE);
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LE);
  private static final ValueLayout.OfDouble F64 = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LE);

  private final long runBytes;
  private final long[] starts;
  private final long ownBytes;
  private final long paddedBytes;
  private final long largestGapBytes;

  /**
   * A row.
   *
   * @param own the extents of one row, axis 0 being 1
   * @param padded as many, none smaller
   */
  public PaddedRow(ElementType type, Shape own, Shape padded) {
    int last = own.rank() - 1;
    long elements = 1;
    while (last > 0 && own.dim(last) == padded.dim(last)) {
      elements *= own.dim(last--);
    }
    // The innermost padded axis ends a run; with none the row is one run.
    elements *= last >= 0 ? own.dim(last) : 1;
    runBytes = type.byteSize(elements);
    ownBytes = type.byteSize(own.elementCount());
    paddedBytes = type.byteSize(padded.elementCount());
    starts = new long[runBytes == 0 ? 0 : Math.toIntExact(ownBytes / runBytes)];
    long[] at = new long[own.rank()];
    for (int run = 0; run < starts.length; run++) {
      long offset = 0;
      for (int axis = 0; axis < own.rank(); axis++) {
        offset = offset * padded.dim(axis) + (axis < last ? at[axis] : 0);
      }
      starts[run] = type.byteSize(offset);
      for (int axis = last - 1; axis >= 0 && ++at[axis] == own.dim(axis); axis--) {
        at[axis] = 0;
      }
    }
    long gap = starts.length == 0 ? paddedBytes : starts[0];
    for (int run = 0; run < starts.length; run++) {
      gap = Math.max(gap, gapBytes(run));
    }
    largestGapBytes = gap;
  }

  private long gapBytes(int run) {
    long end = run + 1 < starts.length ? starts[run + 1] : paddedBytes;
    return end - starts[run] - runBytes;
  }

  /** Bytes of the smaller row. */
  public long ownBytes() {
    return ownBytes;
  }

  /** Bytes of the larger row. */
  public long paddedBytes() {
    return paddedBytes;
  }

  /** The most that {@link #fill} writes at once. */
  public long largestGapBytes() {
    return largestGapBytes;
  }

  /** Bytes of a run, the most that {@link #mark} writes at once. */
  public long runBytes() {
    return runBytes;
  }

  /** Copies a row of its own to where it is padded. */
  public void copyIn(MemorySegment own, long from, MemorySegment padded, long to) {
    for (int run = 0; run < starts.length; run++) {
      MemorySegment.copy(own, from + run * runBytes, padded, to + starts[run], runBytes);
    }
  }

  /** Copies a row out of its padding. */
  public void copyOut(MemorySegment padded, long from, MemorySegment own, long to) {
    for (int run = 0; run < starts.length; run++) {
      MemorySegment.copy(padded, from + starts[run], own, to + run * runBytes, runBytes);
    }
  }

  /** Writes the first bytes of {@code filler} over each gap of a row. */
  public void fill(MemorySegment padded, long at, MemorySegment filler) {
    long first = starts.length == 0 ? paddedBytes : starts[0];
    MemorySegment.copy(filler, 0, padded, at, first);
    for (int run = 0; run < starts.length; run++) {
      MemorySegment.copy(filler, 0, padded, at + starts[run] + runBytes, gapBytes(run));
    }
  }

  /** Writes the first bytes of {@code marks} over each run of a row. */
  public void mark(MemorySegment padded, long at, MemorySegment marks) {
    for (long start : starts) {
      MemorySegment.copy(marks, 0, padded, at + start, runBytes);
    }
  }

  /**
   * Memory of one number again and again, for {@link #fill} and {@link #mark}.
   *
   * @param type of whole bytes
   * @param sizeBytes a multiple of the type's size
   */
  public static MemorySegment filled(ElementType type, long sizeBytes, double value) {
    MemorySegment segment = Arena.ofAuto().allocate(Math.max(1, sizeBytes), 8);
    int width = type.bits() / 8;
    for (long at = 0; at + width <= sizeBytes; at += width) {
      switch (type) {
        case FLOAT -> segment.set(F32, at, (float) value);
        case DOUBLE -> segment.set(F64, at, value);
        case FLOAT16 -> segment.set(I16, at, Float.floatToFloat16((float) value));
        case BFLOAT16 ->
            segment.set(I16, at, (short) (Float.floatToRawIntBits((float) value) >>> 16));
        case INT64, UINT64 -> segment.set(I64, at, (long) value);
        case INT32, UINT32 -> segment.set(I32, at, (int) (long) value);
        case INT16, UINT16 -> segment.set(I16, at, (short) (long) value);
        default -> segment.set(ValueLayout.JAVA_BYTE, at, (byte) (long) value);
      }
    }
    return segment;
  }
}
