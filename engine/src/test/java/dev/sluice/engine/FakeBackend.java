package dev.sluice.engine;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A backend without a model: each row is {@code width} longs, and the answer of a row is {@link
 * #answer} of each. What a run does besides is up to a {@link Run}.
 */
public final class FakeBackend implements Backend {
  /** What happens in a run, before the answers are written. */
  @FunctionalInterface
  public interface Run {
    void run(int lane, BatchMemory memory, int rows) throws BackendException;
  }

  private final Signature signature;
  private final int width;
  private final Run run;
  private final AtomicInteger liveMemories = new AtomicInteger();
  private final AtomicInteger liveLanes = new AtomicInteger();
  private final AtomicInteger lanesOpened = new AtomicInteger();
  private final AtomicInteger lanesPrepared = new AtomicInteger();
  private final AtomicInteger refusedLanes = new AtomicInteger();
  private volatile int mostLanes = Integer.MAX_VALUE;
  private volatile boolean closed;

  public FakeBackend(int width, Run run) {
    this.width = width;
    this.run = run;
    this.signature =
        new Signature(
            List.of(new TensorSpec("x", ElementType.INT64, Shape.of(-1, width))),
            List.of(new TensorSpec("y", ElementType.INT64, Shape.of(-1, width))));
  }

  /** The answer for one element. */
  public static long answer(long x) {
    return x * 0x9E3779B97F4A7C15L + 1;
  }

  @Override
  public String device() {
    return "fake";
  }

  @Override
  public Signature signature() {
    return signature;
  }

  /** Memories not closed yet. */
  public int liveMemories() {
    return liveMemories.get();
  }

  /** Lanes not closed yet. */
  public int liveLanes() {
    return liveLanes.get();
  }

  /** Refuses to open the next lanes. */
  public void refuseLanes(int count) {
    refusedLanes.set(count);
  }

  /** Refuses to open more lanes than so many, ever. */
  public void mostLanes(int count) {
    mostLanes = count;
  }

  /** How often lanes were prepared. */
  public int lanesPrepared() {
    return lanesPrepared.get();
  }

  /** Lanes ever opened. */
  public int lanesOpened() {
    return lanesOpened.get();
  }

  public boolean closed() {
    return closed;
  }

  @Override
  public BatchMemory allocate(ShapeKey key, int maxRows) {
    liveMemories.incrementAndGet();
    return new Memory(key, maxRows);
  }

  @Override
  public Lane openLane(int index) throws BackendException {
    if (lanesOpened.get() >= mostLanes
        || refusedLanes.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      throw new BackendException("no lane " + index + " now", null);
    }
    liveLanes.incrementAndGet();
    lanesOpened.incrementAndGet();
    return new FakeLane(index);
  }

  @Override
  public void close() {
    if (closed) {
      throw new IllegalStateException("closed twice");
    }
    closed = true;
  }

  private final class FakeLane implements Lane {
    private final int index;
    private final AtomicInteger users = new AtomicInteger();

    FakeLane(int index) {
      this.index = index;
    }

    @Override
    public void run(BatchMemory memory, int rows) throws BackendException {
      if (users.getAndIncrement() != 0) {
        throw new AssertionError("two runs on lane " + index + " at once");
      }
      try {
        run.run(index, memory, rows);
        MemorySegment in = memory.input(0);
        MemorySegment out = memory.output(0);
        for (int i = 0; i < rows * width; i++) {
          out.setAtIndex(ValueLayout.JAVA_LONG, i, answer(in.getAtIndex(ValueLayout.JAVA_LONG, i)));
        }
      } finally {
        users.decrementAndGet();
      }
    }

    @Override
    public void prepare(BatchMemory memory) {
      lanesPrepared.incrementAndGet();
    }

    @Override
    public void close() {
      liveLanes.decrementAndGet();
    }
  }

  private final class Memory implements BatchMemory {
    private final ShapeKey key;
    private final int maxRows;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment in;
    private final MemorySegment out;

    Memory(ShapeKey key, int maxRows) {
      this.key = key;
      this.maxRows = maxRows;
      this.in = arena.allocate((long) Long.BYTES * width * maxRows, 64);
      this.out = arena.allocate((long) Long.BYTES * width * maxRows, 64);
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
      return (long) Long.BYTES * width;
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
      return (long) Long.BYTES * width;
    }

    @Override
    public Shape outputShape(int index) {
      return Shape.of(1, width);
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
      liveMemories.decrementAndGet();
      arena.close();
    }
  }
}
