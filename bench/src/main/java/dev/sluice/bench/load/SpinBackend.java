package dev.sluice.bench.load;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeMemory;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * A backend whose run keeps one core busy for {@code baseNs + rows * rowNs} and answers each long
 * {@code x} with {@code x + 1}: the cost model of a network that gains from batches, exactly known.
 *
 * <p>Thread safety: as {@link Backend}.
 */
final class SpinBackend implements Backend {
  private static final long ALIGNMENT = 64;

  private final long baseNs;
  private final long rowNs;
  private final Signature signature =
      new Signature(
          List.of(new TensorSpec("x", ElementType.INT64, Shape.of(-1, 1))),
          List.of(new TensorSpec("y", ElementType.INT64, Shape.of(-1, 1))));

  SpinBackend(long baseNs, long rowNs) {
    this.baseNs = baseNs;
    this.rowNs = rowNs;
  }

  @Override
  public String device() {
    return "spin";
  }

  @Override
  public Signature signature() {
    return signature;
  }

  @Override
  public BatchMemory allocate(ShapeKey key, int maxRows) {
    return new Memory(key, maxRows);
  }

  @Override
  public Lane openLane(int index) {
    return new SpinLane();
  }

  @Override
  public void close() {}

  private final class SpinLane implements Lane {
    @Override
    public void run(BatchMemory memory, int rows) {
      long untilNs = System.nanoTime() + baseNs + rowNs * rows;
      MemorySegment in = memory.input(0);
      MemorySegment out = memory.output(0);
      for (int row = 0; row < rows; row++) {
        long x = in.getAtIndex(ValueLayout.JAVA_LONG, row);
        out.setAtIndex(ValueLayout.JAVA_LONG, row, x + 1);
      }
      while (System.nanoTime() - untilNs < 0) {
        Thread.onSpinWait();
      }
    }

    @Override
    public void close() {}
  }

  private record Memory(ShapeKey key, int maxRows, NativeMemory in, NativeMemory out)
      implements BatchMemory {
    Memory(ShapeKey key, int maxRows) {
      this(
          key,
          maxRows,
          NativeMemory.allocate("x", (long) Long.BYTES * maxRows, ALIGNMENT),
          NativeMemory.allocate("y", (long) Long.BYTES * maxRows, ALIGNMENT));
    }

    @Override
    public MemorySegment input(int index) {
      return in.segment();
    }

    @Override
    public long inputRowBytes(int index) {
      return Long.BYTES;
    }

    @Override
    public boolean fixedOutputs() {
      return true;
    }

    @Override
    public MemorySegment output(int index) {
      return out.segment();
    }

    @Override
    public long outputRowBytes(int index) {
      return Long.BYTES;
    }

    @Override
    public Shape outputShape(int index) {
      return Shape.of(1, 1);
    }

    @Override
    public void setStrings(int index, String[] values) {
      throw new IllegalStateException("input " + index + " is INT64");
    }

    @Override
    public String[] strings(int index) {
      throw new IllegalStateException("output " + index + " is INT64");
    }

    @Override
    public void close() {
      in.close();
      out.close();
    }
  }
}
