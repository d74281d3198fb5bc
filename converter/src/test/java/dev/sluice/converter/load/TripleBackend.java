package dev.sluice.converter.load;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.load.LoadSamples.Tolerance;
import dev.sluice.engine.Engine;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Answers {@code 3 x + 1} for each row {@code x}, and lets a test disturb it. */
final class TripleBackend implements Backend {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

  /** Called before the answers of a run are read; may change them, stall or fail. */
  interface Fault {
    void before(MemorySegment answers, int rows) throws BackendException;
  }

  /** What a test does to the runs; none at first. */
  volatile Fault fault = (answers, rows) -> {};

  /** Ten samples with their answers, as an engine over this backend gives them. */
  static LoadSamples samples(Engine engine, int rows)
      throws BackendException, InterruptedException {
    List<MemorySegment[]> inputs = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      MemorySegment sample = MemorySegment.ofArray(new byte[rows * Long.BYTES]);
      for (int row = 0; row < rows; row++) {
        sample.set(ValueLayout.JAVA_LONG_UNALIGNED, (long) row * Long.BYTES, 100L * i + row);
      }
      inputs.add(new MemorySegment[] {sample});
    }
    return LoadSamples.answered(
        engine, List.of(Shape.of(1, 1)), rows, inputs, new Tolerance(0, 0), Duration.ofSeconds(10));
  }

  @Override
  public String device() {
    return "cpu";
  }

  @Override
  public Signature signature() {
    Shape shape = Shape.of(Shape.DYNAMIC, 1);
    return new Signature(
        List.of(new TensorSpec("x", ElementType.INT64, shape)),
        List.of(new TensorSpec("y", ElementType.INT64, shape)));
  }

  @Override
  public BatchMemory allocate(ShapeKey key, int maxRows) {
    return new Memory(key, maxRows);
  }

  @Override
  public Lane openLane(int index) {
    return new Lane() {
      @Override
      public void run(BatchMemory memory, int rows) throws BackendException {
        for (int i = 0; i < rows; i++) {
          long x = memory.input(0).getAtIndex(LONG, i);
          memory.output(0).setAtIndex(LONG, i, 3 * x + 1);
        }
        fault.before(memory.output(0), rows);
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void close() {}

  private static final class Memory implements BatchMemory {
    private final ShapeKey key;
    private final int maxRows;
    private final MemorySegment in;
    private final MemorySegment out;

    Memory(ShapeKey key, int maxRows) {
      this.key = key;
      this.maxRows = maxRows;
      this.in = Arena.ofAuto().allocate(LONG, maxRows);
      this.out = Arena.ofAuto().allocate(LONG, maxRows);
    }

    @Override
    public ShapeKey key() {
      return key;
    }

    @Override
    public int maxRows() {
      return maxRows;
    }

    @Override
    public MemorySegment input(int index) {
      return in;
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
      return out;
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
      throw new IllegalStateException("no input is of type STRING");
    }

    @Override
    public String[] strings(int index) {
      throw new IllegalStateException("no output is of type STRING");
    }

    @Override
    public void close() {}
  }
}
