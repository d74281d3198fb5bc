package dev.sluice.engine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rows in their padding, against a plain loop over all elements. */
class PaddedRowTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261126L);

  private static long[] indices(Shape shape, long element) {
    long[] at = new long[shape.rank()];
    long left = element;
    for (int axis = shape.rank() - 1; axis >= 0; axis--) {
      at[axis] = left % shape.dim(axis);
      left /= shape.dim(axis);
    }
    return at;
  }

  private static boolean isInside(long[] at, Shape own) {
    for (int axis = 0; axis < at.length; axis++) {
      if (at[axis] >= own.dim(axis)) {
        return false;
      }
    }
    return true;
  }

  private static long offset(long[] at, Shape shape) {
    long offset = 0;
    for (int axis = 0; axis < at.length; axis++) {
      offset = offset * shape.dim(axis) + at[axis];
    }
    return offset;
  }

  @ParameterizedTest
  @EnumSource(names = {"UINT8", "FLOAT16", "FLOAT", "INT64", "COMPLEX128"})
  void asAPlainLoopDoes(ElementType type) {
    Random random = new Random(SEED + type.code());
    int width = type.bits() / 8;
    for (int trial = 0; trial < 300; trial++) {
      long[] dims = new long[1 + random.nextInt(4)];
      dims[0] = 1;
      long[] larger = {1, 0, 0, 0};
      for (int axis = 1; axis < dims.length; axis++) {
        dims[axis] = random.nextInt(6);
        larger[axis] = dims[axis] + (random.nextBoolean() ? 0 : random.nextInt(4));
      }
      Shape own = Shape.of(dims);
      Shape padded = Shape.of(Arrays.copyOf(larger, dims.length));
      PaddedRow row = new PaddedRow(type, own, padded);
      String what = "sluice.seed=" + SEED + ", " + own + " in " + padded;
      byte[] data = new byte[Math.toIntExact(type.byteSize(own.elementCount()))];
      random.nextBytes(data);
      assertThat(row.ownBytes()).as(what).isEqualTo(data.length);
      byte[] memory = new byte[3 + Math.toIntExact(row.paddedBytes())];
      byte[] filler = new byte[Math.toIntExact(row.largestGapBytes())];
      byte[] marks = new byte[Math.toIntExact(row.runBytes())];
      Arrays.fill(filler, (byte) 7);
      Arrays.fill(marks, (byte) 9);
      MemorySegment target = MemorySegment.ofArray(memory);
      row.fill(target, 3, MemorySegment.ofArray(filler));
      row.copyIn(MemorySegment.ofArray(data), 0, target, 3);
      for (long element = 0; element < padded.elementCount(); element++) {
        long[] at = indices(padded, element);
        for (int b = 0; b < width; b++) {
          byte expected =
              isInside(at, own) ? data[Math.toIntExact(offset(at, own) * width + b)] : 7;
          assertThat(target.get(JAVA_BYTE, 3 + element * width + b)).as(what).isEqualTo(expected);
        }
      }
      assertThat(Arrays.copyOf(memory, 3)).containsOnly(0);
      MemorySegment back = MemorySegment.ofArray(new byte[data.length]);
      row.copyOut(target, 3, back, 0);
      assertThat(back.toArray(JAVA_BYTE)).as(what).isEqualTo(data);
      row.mark(target, 3, MemorySegment.ofArray(marks));
      int marked = 0;
      for (byte b : memory) {
        marked += b == 9 ? 1 : 0;
      }
      assertThat(marked).as(what).isGreaterThanOrEqualTo(data.length);
    }
  }
}
