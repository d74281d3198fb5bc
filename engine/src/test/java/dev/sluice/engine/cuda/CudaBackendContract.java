package dev.sluice.engine.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.bindings.cuda.DeviceContext;
import dev.sluice.bindings.cuda.DeviceMemory;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.DeviceStats;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the CUDA backend's lanes do, on whatever GPU there is. */
abstract class CudaBackendContract {
  static final long SEED = Long.getLong("sluice.seed", 20261126L);
  static final int MOST_ROWS = 20;

  /** The GPU, for the time of one test. */
  abstract GpuLibraries gpu();

  static ShapeKey columns(long count) {
    return new ShapeKey(List.of(Shape.of(1, count)));
  }

  /** Fills rows with numbers and a run, and holds the answers against plain Java. */
  static void runAndCheck(Lane lane, BatchMemory memory, int rows, Random random)
      throws BackendException {
    int columns = Math.toIntExact(memory.inputRowBytes(0) / Float.BYTES);
    float[] x = new float[rows * columns];
    for (int i = 0; i < x.length; i++) {
      x[i] = random.nextInt(-8, 9) / 4f;
    }
    MemorySegment.copy(x, 0, memory.input(0), JAVA_FLOAT, 0, x.length);
    lane.run(memory, rows);
    check(memory, x, rows);
  }

  static void check(BatchMemory memory, float[] x, int rows) {
    int columns = x.length / rows;
    for (int row = 0; row < rows; row++) {
      float sum = 0;
      for (int i = row * columns; i < (row + 1) * columns; i++) {
        float y = x[i] * x[i] + x[i];
        sum += y;
        assertThat(memory.output(0).getAtIndex(JAVA_FLOAT, i)).as("y, seed %d", SEED).isEqualTo(y);
      }
      assertThat(memory.output(1).getAtIndex(JAVA_FLOAT, row))
          .as("z of row %d of %d, seed %d", row, rows, SEED)
          .isCloseTo(sum, within(1e-3f));
    }
  }

  static DeviceStats stats(CudaBackend backend) {
    return backend.deviceStats().orElseThrow();
  }

  @Test
  void everyNumberOfRowsIsAnsweredByAGraphOfItsBucket() throws Exception {
    Random random = new Random(SEED);
    try (CudaBackend backend =
            GpuModel.columns(MOST_ROWS).open(gpu(), CudaOptions.defaults(), true);
        BatchMemory memory = backend.allocate(columns(5), MOST_ROWS);
        Lane lane = backend.openLane(0)) {
      for (int pass = 0; pass < 3; pass++) {
        for (int rows = 1; rows <= MOST_ROWS; rows++) {
          runAndCheck(lane, memory, rows, random);
        }
      }
      // 1 to 8, 10, 12, 14, 16, 20.
      assertThat(stats(backend).graphs()).isEqualTo(13);
      assertThat(stats(backend).captures()).isEqualTo(13);
      assertThat(stats(backend).contexts()).isEqualTo(13);
      assertThat(stats(backend).notCaptured()).isEmpty();
      assertThat(stats(backend).deviceBytes()).isPositive();
      assertThat(stats(backend).pinnedBytes()).isPositive();
    }
  }

  @Test
  void aPreparedLaneCapturesNothingMore() throws Exception {
    try (CudaBackend backend =
            GpuModel.columns(MOST_ROWS).open(gpu(), CudaOptions.defaults(), true);
        BatchMemory memory = backend.allocate(columns(5), MOST_ROWS);
        Lane lane = backend.openLane(0)) {
      memory.input(0).fill((byte) 7);
      lane.prepare(memory);
      assertThat(memory.input(0).toArray(JAVA_BYTE)).containsOnly((byte) 7);
      DeviceStats before = stats(backend);
      assertThat(before.graphs()).isEqualTo(13);
      for (int rows = 1; rows <= MOST_ROWS; rows++) {
        runAndCheck(lane, memory, rows, new Random(SEED));
      }
      assertThat(stats(backend)).isEqualTo(before);
    }
  }

  @Test
  void graphsAreBoundedAndTheOldestGoFirst() throws Exception {
    try (CudaBackend backend =
            GpuModel.columns(MOST_ROWS).open(gpu(), CudaOptions.defaults().withMaxGraphs(3), true);
        BatchMemory memory = backend.allocate(columns(5), MOST_ROWS);
        Lane lane = backend.openLane(0)) {
      Random random = new Random(SEED);
      int[] uses = {1, 2, 3, 1, 2, 3, 1, 4, 1, 1};
      for (int rows : uses) {
        runAndCheck(lane, memory, rows, random);
      }
      assertThat(stats(backend).contexts()).isEqualTo(3);
      assertThat(stats(backend).evictions()).isEqualTo(1);
      // 2 went for 4, so 1 and 3 are still there.
      long captures = stats(backend).captures();
      runAndCheck(lane, memory, 3, random);
      runAndCheck(lane, memory, 1, random);
      assertThat(stats(backend).captures()).isEqualTo(captures);
      for (int i = 0; i < 100; i++) {
        runAndCheck(lane, memory, 1 + random.nextInt(MOST_ROWS), random);
        assertThat(stats(backend).contexts()).isLessThanOrEqualTo(3);
      }
    }
  }

  @Test
  void withoutGraphsRunsAreEnqueued() throws Exception {
    try (CudaBackend backend =
            GpuModel.columns(MOST_ROWS).open(gpu(), CudaOptions.defaults().withMaxGraphs(0), true);
        BatchMemory memory = backend.allocate(columns(5), MOST_ROWS);
        Lane lane = backend.openLane(0)) {
      for (int i = 0; i < 5; i++) {
        runAndCheck(lane, memory, 3, new Random(SEED + i));
      }
      assertThat(stats(backend).captures()).isZero();
    }
  }

  @Test
  void shapesShareALaneAndALargerOneMovesItsMemory() throws Exception {
    Random random = new Random(SEED);
    try (CudaBackend backend =
            GpuModel.columns(MOST_ROWS).open(gpu(), CudaOptions.defaults(), true);
        BatchMemory small = backend.allocate(columns(2), 2);
        BatchMemory more = backend.allocate(columns(2), MOST_ROWS);
        BatchMemory wide = backend.allocate(columns(GpuModel.MOST_COLUMNS), MOST_ROWS);
        Lane lane = backend.openLane(0)) {
      for (int i = 0; i < 3; i++) {
        runAndCheck(lane, small, 2, random);
      }
      long captures = stats(backend).captures();
      assertThat(captures).isEqualTo(1);
      runAndCheck(lane, more, MOST_ROWS, random);
      runAndCheck(lane, wide, MOST_ROWS, random);
      runAndCheck(lane, small, 2, random);
      assertThat(stats(backend).captures()).as("enqueued before a capture").isEqualTo(captures);
      runAndCheck(lane, small, 2, random);
      assertThat(stats(backend).captures()).as("captured anew").isEqualTo(captures + 1);
      for (int i = 0; i < 60; i++) {
        BatchMemory memory = List.of(small, more, wide).get(random.nextInt(3));
        runAndCheck(lane, memory, 1 + random.nextInt(memory.maxRows()), random);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CudaStream.Wait.class)
  void everyWayToWaitWaits(CudaStream.Wait wait) throws Exception {
    try (CudaBackend backend =
            GpuModel.columns(4)
                .open(gpu(), CudaOptions.defaults().withWaiting(wait).withTimed(true), true);
        BatchMemory memory = backend.allocate(columns(7), 4);
        Lane lane = backend.openLane(0)) {
      for (int i = 0; i < 20; i++) {
        runAndCheck(lane, memory, 1 + i % 4, new Random(SEED + i));
        assertThat(lane.deviceNs()).isPositive();
      }
    }
  }

  @Test
  void lanesRunBesideOneAnother() throws Exception {
    int lanes = 3;
    try (CudaBackend backend =
            GpuModel.columns(MOST_ROWS).open(gpu(), CudaOptions.defaults(), true);
        ExecutorService threads = Executors.newFixedThreadPool(lanes)) {
      List<Future<?>> runs = new ArrayList<>();
      for (int i = 0; i < lanes; i++) {
        int index = i;
        runs.add(
            threads.submit(() -> {
              Random random = new Random(SEED + index);
              try (Lane lane = backend.openLane(index);
                  BatchMemory memory = backend.allocate(columns(3 + index), MOST_ROWS)) {
                for (int run = 0; run < 60; run++) {
                  runAndCheck(lane, memory, 1 + random.nextInt(MOST_ROWS), random);
                }
              }
              return null;
            }));
      }
      for (Future<?> run : runs) {
        run.get();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CudaStream.Wait.class)
  void virtualThreadsRunLanesToo(CudaStream.Wait wait) throws Exception {
    GpuLibraries gpu = gpu();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread thread =
        Thread.ofVirtual()
            .start(() -> {
              CudaOptions options = CudaOptions.defaults().withWaiting(wait);
              try (CudaBackend backend = GpuModel.columns(8).open(gpu, options, true);
                  BatchMemory memory = backend.allocate(columns(4), 8);
                  Lane lane = backend.openLane(0)) {
                for (int i = 0; i < 40; i++) {
                  runAndCheck(lane, memory, 1 + i % 8, new Random(SEED + i));
                }
              } catch (Throwable t) {
                failure.set(t);
              }
            });
    thread.join();
    assertThat(failure.get()).isNull();
  }

  @Test
  void rowsMayLieOnTheDevice() throws Exception {
    int columns = 6;
    int rows = 5;
    CudaApi cuda = gpu().cuda();
    try (CudaBackend backend = GpuModel.columns(8).open(gpu(), CudaOptions.defaults(), true);
        BatchMemory memory = backend.allocate(columns(columns), 8);
        Lane lane = backend.openLane(0);
        PrimaryContext _ = PrimaryContext.enter(cuda, 0);
        DeviceMemory input = DeviceMemory.allocate(cuda, "x", 2L * columns * Float.BYTES);
        DeviceMemory output = DeviceMemory.allocate(cuda, "y", 3L * columns * Float.BYTES);
        Arena arena = Arena.ofConfined()) {
      Random random = new Random(SEED);
      for (int pass = 0; pass < 3; pass++) {
        memory.forgetDeviceRows();
        float[] x = new float[rows * columns];
        for (int i = 0; i < x.length; i++) {
          x[i] = random.nextInt(-8, 9) / 4f;
        }
        MemorySegment.copy(x, 0, memory.input(0), JAVA_FLOAT, 0, x.length);
        // Rows 1 and 2 are the device's; what the host has for them is wrong.
        MemorySegment two = arena.allocate(JAVA_FLOAT, 2L * columns);
        MemorySegment.copy(x, columns, two, JAVA_FLOAT, 0, 2 * columns);
        memory.input(0).asSlice(columns * 4L, 2L * columns * 4).fill((byte) 0x7F);
        assertThat(cuda.cuMemcpyHtoD_v2(input.raw(), two, two.byteSize())).isZero();
        memory.deviceInput(0, 1, 2, segment(input));
        memory.output(0).fill((byte) 0);
        memory.deviceOutput(0, 2, 3, segment(output));
        lane.run(memory, rows);
        MemorySegment fetched = arena.allocate(JAVA_FLOAT, 3L * columns);
        assertThat(cuda.cuMemcpyDtoH_v2(fetched, output.raw(), fetched.byteSize())).isZero();
        assertThat(memory.output(0).asSlice(2L * columns * 4, 3L * columns * 4).toArray(JAVA_FLOAT))
            .as("what went to the device did not go to the host")
            .containsOnly(0);
        memory.output(0).asSlice(2L * columns * 4, 3L * columns * 4).copyFrom(fetched);
        check(memory, x, rows);
      }
      memory.forgetDeviceRows();
      runAndCheck(lane, memory, rows, random);
    }
  }

  static MemorySegment segment(DeviceMemory memory) {
    return MemorySegment.ofAddress(memory.raw()).reinterpret(memory.sizeBytes());
  }

  @Test
  void whatIsNoDeviceMemoryIsRefusedAtOnce() throws Exception {
    CudaApi cuda = gpu().cuda();
    try (CudaBackend backend = GpuModel.columns(8).open(gpu(), CudaOptions.defaults(), true);
        BatchMemory memory = backend.allocate(columns(4), 8);
        PrimaryContext _ = PrimaryContext.enter(cuda, 0);
        DeviceMemory short16 = DeviceMemory.allocate(cuda, "x", 16);
        Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> memory.deviceInput(0, 0, 2, segment(short16)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("2 rows of")
          .hasMessageContaining("32 bytes");
      MemorySegment longer = segment(short16).reinterpret(2048 * 16);
      assertThatThrownBy(() -> memory.deviceInput(0, 0, 2048, longer))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("no");
      MemorySegment host = arena.allocate(16, 16);
      assertThatThrownBy(() -> memory.deviceOutput(0, 0, 1, host))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("not memory of cuda:0");
      memory.deviceInput(0, 0, 1, segment(short16));
    }
  }

  @Test
  void theCallersContextIsLeftAsItWas() throws Exception {
    CudaApi cuda = gpu().cuda();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(8, 8);
      assertThat(cuda.cuCtxCreate_v4(out, 0, 0, 0)).isZero();
      long own = out.get(JAVA_LONG, 0);
      for (long current : new long[] {own, 0}) {
        assertThat(cuda.cuCtxSetCurrent(current)).isZero();
        try (CudaBackend backend = GpuModel.columns(8).open(gpu(), CudaOptions.defaults(), true)) {
          assertCurrent(cuda, out, current);
          try (BatchMemory memory = backend.allocate(columns(4), 8);
              Lane lane = backend.openLane(0)) {
            assertCurrent(cuda, out, current);
            runAndCheck(lane, memory, 3, new Random(SEED));
            runAndCheck(lane, memory, 3, new Random(SEED));
            assertCurrent(cuda, out, current);
            lane.prepare(memory);
            assertCurrent(cuda, out, current);
          }
          assertCurrent(cuda, out, current);
        }
        assertCurrent(cuda, out, current);
      }
      DeviceContext primary = DeviceContext.retain(cuda, 0);
      assertThat(cuda.cuCtxSetCurrent(own)).isZero();
      long before = primary.enter(out);
      assertThat(cuda.cuCtxDestroy_v2(own)).isZero();
      primary.leave(before);
      assertCurrent(cuda, out, 0);
      primary.close();
    }
  }

  private static void assertCurrent(CudaApi cuda, MemorySegment out, long expected) {
    assertThat(cuda.cuCtxGetCurrent(out)).isZero();
    assertThat(out.get(JAVA_LONG, 0)).isEqualTo(expected);
  }

  @Test
  void aModelThatIsNotBatchedTakesItsOwnShapes() throws Exception {
    try (CudaBackend backend =
            GpuModel.columns(MOST_ROWS).open(gpu(), CudaOptions.defaults(), false);
        BatchMemory memory = backend.allocate(new ShapeKey(List.of(Shape.of(3, 4))), 1);
        Lane lane = backend.openLane(0)) {
      assertThat(memory.outputShape(0)).isEqualTo(Shape.of(3, 4));
      assertThat(memory.outputShape(1)).isEqualTo(Shape.of(3, 1));
      for (int i = 0; i < 3; i++) {
        float[] x = new float[12];
        Arrays.fill(x, i);
        MemorySegment.copy(x, 0, memory.input(0), JAVA_FLOAT, 0, x.length);
        lane.run(memory, 1);
        check(memory, x, 3);
      }
      assertThatThrownBy(() -> backend.allocate(columns(4), 2))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("not batched takes 1");
    }
  }

  @Test
  void shapesOutsideOfThePlanAreRefusedWithItsRanges() throws Exception {
    try (CudaBackend backend =
        GpuModel.columns(MOST_ROWS).open(gpu(), CudaOptions.defaults(), true)) {
      assertThatThrownBy(() -> backend.allocate(columns(GpuModel.MOST_COLUMNS + 1), 1))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("no range of shapes")
          .hasMessageContaining("[20, 32]")
          .hasMessageContaining("--shape");
      assertThatThrownBy(() -> backend.allocate(columns(4), MOST_ROWS + 1))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("no range of shapes");
      assertThatThrownBy(() -> backend.allocate(new ShapeKey(List.of(Shape.of(2, 4))), 1))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("1 in axis 0");
      assertThatThrownBy(() -> backend.allocate(new ShapeKey(List.of()), 1))
          .isInstanceOf(BackendException.class);
      assertThat(backend.shapeCount()).as("shapes that are kept").isZero();
      backend.allocate(columns(4), MOST_ROWS).close();
      assertThat(backend.shapeCount()).isEqualTo(1);
    }
  }

  @Test
  void theFewestRowsAreThoseOfTheRangesThatTakeTheShape() throws Exception {
    Random random = new Random(SEED);
    try (CudaBackend backend = GpuModel.narrowAndWide().open(gpu(), CudaOptions.defaults(), true);
        BatchMemory narrow = backend.allocate(columns(4), 4);
        BatchMemory wide = backend.allocate(columns(5), 8);
        Lane lane = backend.openLane(0)) {
      for (int i = 0; i < 3; i++) {
        runAndCheck(lane, narrow, 1, random);
        runAndCheck(lane, wide, 1, random);
        runAndCheck(lane, wide, 8, random);
      }
    }
  }

  @Test
  void aPlanOfAnotherModelIsRefused() throws Exception {
    GpuModel model = GpuModel.columns(4);
    MemorySegment plan = model.plan(gpu());
    List<TensorSpec> out = model.signature().outputs();
    TensorSpec x = model.signature().inputs().getFirst();
    Object[][] wrong = {
      {List.of(new TensorSpec("a", x.type(), x.shape())), out, "wants an input 'x'"},
      {List.of(new TensorSpec("x", ElementType.INT32, x.shape())), out, "of type FLOAT"},
      {List.of(x), List.of(new TensorSpec("w", x.type(), x.shape())), "no output 'w'"},
      {List.of(x, out.getFirst()), List.of(out.getLast()), "on its other side"},
    };
    for (Object[] each : wrong) {
      @SuppressWarnings("unchecked")
      Signature signature = new Signature((List<TensorSpec>) each[0], (List<TensorSpec>) each[1]);
      assertThatThrownBy(() ->
              new GpuModel(model.graph(), signature, model.profiles())
                  .open(gpu(), plan, CudaOptions.defaults(), true)
                  .close())
          .isInstanceOf(BackendException.class)
          .hasMessageContaining((String) each[2])
          .hasMessageContaining("sluice build --device cuda");
    }
    // An output that nobody asks for is left alone.
    try (CudaBackend backend =
        new GpuModel(
                model.graph(), new Signature(List.of(x), List.of(out.getLast())), model.profiles())
            .open(gpu(), plan, CudaOptions.defaults(), true)) {
      assertThat(backend.signature().outputs()).hasSize(1);
    }
  }

  @Test
  void scalarsAndStaticShapesAreServed() throws Exception {
    GpuModel model =
        GpuModel.of(
            new TinyModel()
                .input("x", ElementType.FLOAT)
                .input("i", ElementType.INT32, 2)
                .output("y", ElementType.FLOAT)
                .output("j", ElementType.INT32, 2)
                .node("Neg", "x", "y")
                .node("Neg", "i", "j"),
            new Signature(
                List.of(
                    new TensorSpec("x", ElementType.FLOAT, Shape.of()),
                    new TensorSpec("i", ElementType.INT32, Shape.of(2))),
                List.of(
                    new TensorSpec("y", ElementType.FLOAT, Shape.of()),
                    new TensorSpec("j", ElementType.INT32, Shape.of(2)))));
    try (CudaBackend backend = model.open(gpu(), CudaOptions.defaults(), false);
        BatchMemory memory = backend.allocate(new ShapeKey(List.of(Shape.of(), Shape.of(2))), 1);
        Lane lane = backend.openLane(0)) {
      for (int i = 0; i < 3; i++) {
        memory.input(0).set(JAVA_FLOAT, 0, 1.5f + i);
        memory.input(1).setAtIndex(JAVA_INT, 1, 40 + i);
        lane.run(memory, 1);
        assertThat(memory.output(0).get(JAVA_FLOAT, 0)).isEqualTo(-1.5f - i);
        assertThat(memory.output(1).getAtIndex(JAVA_INT, 1)).isEqualTo(-40 - i);
      }
    }
  }

  @Test
  void outputsWhoseShapesDependOnDataAreServed() throws Exception {
    GpuModel model =
        GpuModel.of(
            new TinyModel()
                .input("x", ElementType.FLOAT, 6)
                .output("y", ElementType.FLOAT, 6)
                .output("at", ElementType.INT64, 1, "n")
                .node("Neg", "x", "y")
                .node("NonZero", "x", "at"),
            new Signature(
                List.of(new TensorSpec("x", ElementType.FLOAT, Shape.of(6))),
                List.of(
                    new TensorSpec("y", ElementType.FLOAT, Shape.of(6)),
                    new TensorSpec("at", ElementType.INT64, Shape.of(1, -1)))));
    try (CudaBackend backend = model.open(gpu(), CudaOptions.defaults(), false);
        BatchMemory memory = backend.allocate(new ShapeKey(List.of(Shape.of(6))), 1);
        Lane lane = backend.openLane(0)) {
      assertThat(memory.fixedOutputs()).isFalse();
      assertThatThrownBy(() -> memory.output(1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("only after a run");
      for (long[] expected : new long[][] {{1, 4}, {}, {0, 1, 2, 3, 4, 5}, {3}}) {
        memory.input(0).fill((byte) 0);
        for (long at : expected) {
          memory.input(0).setAtIndex(JAVA_FLOAT, at, 2);
        }
        lane.run(memory, 1);
        assertThat(memory.outputShape(1)).isEqualTo(Shape.of(1, expected.length));
        assertThat(memory.output(1).toArray(JAVA_LONG)).containsExactly(expected);
        assertThat(memory.output(0).getAtIndex(JAVA_FLOAT, 3))
            .isEqualTo(-memory.input(0).getAtIndex(JAVA_FLOAT, 3));
      }
      assertThat(stats(backend).graphs()).isZero();
      assertThat(stats(backend).notCaptured())
          .singleElement()
          .satisfies(reason -> assertThat(reason).contains("depend on data"));
    }
  }

  @Test
  void useAfterCloseAndMemoryOfAnotherAreRefused() throws Exception {
    try (CudaBackend one = GpuModel.columns(4).open(gpu(), CudaOptions.defaults(), true);
        CudaBackend two = GpuModel.columns(4).open(gpu(), CudaOptions.defaults(), true);
        BatchMemory memory = one.allocate(columns(4), 2);
        Lane other = two.openLane(0)) {
      assertThatThrownBy(() -> other.run(memory, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("not of cuda:0 backend");
      Lane lane = one.openLane(0);
      assertThatThrownBy(() -> lane.run(memory, 3))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("1 to 2");
      runAndCheck(lane, memory, 2, new Random(SEED));
      lane.close();
      lane.close();
      assertThatThrownBy(() -> lane.run(memory, 1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
    }
  }
}
