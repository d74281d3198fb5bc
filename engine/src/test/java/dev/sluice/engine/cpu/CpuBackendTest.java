package dev.sluice.engine.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.sun.management.ThreadMXBean;
import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class CpuBackendTest {
  private static CpuBackend open(MemorySegment graph, boolean batched) throws BackendException {
    return CpuBackend.open(CpuModel.inline(graph, batched), CpuOptions.defaults());
  }

  private static ShapeKey key(Shape... shapes) {
    return new ShapeKey(List.of(shapes));
  }

  private static void write(MemorySegment target, float... values) {
    MemorySegment.copy(values, 0, target, JAVA_FLOAT, 0, values.length);
  }

  @Test
  void everyPrefixOfABatchEqualsSingleRuns() throws BackendException {
    int maxRows = 7;
    Mlp mlp = new Mlp(new Random(42));
    try (CpuBackend backend = open(mlp.graph(), true);
        BatchMemory memory = backend.allocate(key(Shape.of(1, 10)), maxRows);
        Lane lane = backend.openLane(0)) {
      assertThat(backend.device()).isEqualTo("cpu");
      assertThat(memory.fixedOutputs()).isTrue();
      assertThat(memory.inputRowBytes(0)).isEqualTo(40);
      assertThat(memory.outputRowBytes(0)).isEqualTo(40);
      assertThat(memory.outputShape(0)).isEqualTo(Shape.of(1, 10));
      assertThat(memory.input(0).address() % 64).isZero();
      assertThat(memory.output(0).address() % 64).isZero();
      for (int rows = 1; rows <= maxRows; rows++) {
        float[] in = new float[rows * 10];
        for (int i = 0; i < in.length; i++) {
          in[i] = (float) mlp.random.nextGaussian();
        }
        write(memory.input(0), in);
        memory.output(0).fill((byte) 0x55);
        lane.run(memory, rows);
        for (int row = 0; row < rows; row++) {
          float[] expected = mlp.apply(in, row);
          for (int i = 0; i < 10; i++) {
            // 50 products of values around 1, summed in another order.
            assertThat(memory.output(0).getAtIndex(JAVA_FLOAT, row * 10L + i))
                .isCloseTo(expected[i], within(1e-4f));
          }
        }
        long written = rows * memory.outputRowBytes(0);
        byte[] rest = memory.output(0).asSlice(written).toArray(JAVA_BYTE);
        byte[] untouched = new byte[(maxRows - rows) * 40];
        Arrays.fill(untouched, (byte) 0x55);
        assertThat(rest).isEqualTo(untouched);
      }
    }
  }

  @Test
  void runsAllocateNothing() throws BackendException {
    Mlp mlp = new Mlp(new Random(1));
    try (CpuBackend backend = open(mlp.graph(), true);
        BatchMemory memory = backend.allocate(key(Shape.of(1, 10)), 4);
        Lane lane = backend.openLane(0)) {
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      runMany(lane, memory, 20_000);
      // The virtual machine itself allocates now and then on a thread's behalf: what a run
      // allocates would show in every window.
      long least = Long.MAX_VALUE;
      for (int window = 0; window < 5; window++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        runMany(lane, memory, 2_000);
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least).isZero();
    }
  }

  private static void runMany(Lane lane, BatchMemory memory, int times) throws BackendException {
    for (int i = 0; i < times; i++) {
      lane.run(memory, 1 + (i & 3));
    }
  }

  @Test
  void lanesShareTheSession() throws Exception {
    Mlp mlp = new Mlp(new Random(3));
    try (CpuBackend backend = open(mlp.graph(), true)) {
      AtomicReference<Throwable> failure = new AtomicReference<>();
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        int index = t;
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    runLane(backend, mlp, index);
                  } catch (Throwable e) {
                    failure.set(e);
                  }
                }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failure).hasValue(null);
    }
  }

  private static void runLane(CpuBackend backend, Mlp mlp, int index) throws BackendException {
    float[] in = new float[20];
    Random random = new Random(100 + index);
    try (BatchMemory memory = backend.allocate(key(Shape.of(1, 10)), 2);
        Lane lane = backend.openLane(index)) {
      for (int round = 0; round < 300; round++) {
        for (int i = 0; i < in.length; i++) {
          in[i] = random.nextFloat();
        }
        write(memory.input(0), in);
        lane.run(memory, 2);
        float[] expected = mlp.apply(in, 1);
        for (int i = 0; i < 10; i++) {
          assertThat(memory.output(0).getAtIndex(JAVA_FLOAT, 10L + i))
              .isCloseTo(expected[i], within(1e-4f));
        }
      }
    }
  }

  @Test
  void severalOutputsWithDynamicDimensionsAreProbed() throws BackendException {
    // Transpose keeps the batch axis; the declared names of its output tell nothing of the sizes.
    MemorySegment graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", "A", "B")
            .output("y", ElementType.FLOAT, "N", "C", "D")
            .output("z", ElementType.FLOAT, "N", "A", "B")
            .weights("perm", new long[] {0, -1, 3}, 3)
            .node("Reshape", "x perm", "y")
            .node("Neg", "x", "z")
            .build();
    try (CpuBackend backend = open(graph, true);
        BatchMemory memory = backend.allocate(key(Shape.of(1, 3, 2)), 3);
        Lane lane = backend.openLane(0)) {
      assertThat(memory.fixedOutputs()).isTrue();
      assertThat(memory.outputShape(0)).isEqualTo(Shape.of(1, 2, 3));
      assertThat(memory.outputShape(1)).isEqualTo(Shape.of(1, 3, 2));
      write(memory.input(0), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
      lane.run(memory, 2);
      assertThat(memory.output(0).getAtIndex(JAVA_FLOAT, 11)).isEqualTo(12);
      assertThat(memory.output(1).getAtIndex(JAVA_FLOAT, 11)).isEqualTo(-12);
    }
  }

  @Test
  void outputsThatDependOnTheDataAreKnownAfterTheRun() throws BackendException {
    MemorySegment graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, 4)
            .output("where", ElementType.INT64, 1, "hits")
            .output("negated", ElementType.FLOAT, 4)
            .node("NonZero", "x", "where")
            .node("Neg", "x", "negated")
            .build();
    try (CpuBackend backend = open(graph, false);
        BatchMemory memory = backend.allocate(key(Shape.of(4)), 1);
        Lane lane = backend.openLane(0)) {
      assertThat(memory.fixedOutputs()).isFalse();
      assertThatThrownBy(() -> memory.output(0))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("where");
      float[][] inputs = {{0, 5, 0, 7}, {1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 3, 0}};
      for (float[] input : inputs) {
        write(memory.input(0), input);
        lane.run(memory, 1);
        List<Long> expected = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          if (input[i] != 0) {
            expected.add((long) i);
          }
        }
        assertThat(memory.outputShape(0)).isEqualTo(Shape.of(1, expected.size()));
        assertThat(memory.outputRowBytes(0)).isEqualTo(8L * expected.size());
        assertThat(memory.output(0).toArray(JAVA_LONG))
            .containsExactly(expected.stream().mapToLong(v -> v).toArray());
        assertThat(memory.output(1).getAtIndex(JAVA_FLOAT, 3)).isEqualTo(-input[3]);
      }
    }
  }

  @Test
  void aRankThatTheModelDoesNotTellIsKnownAfterTheRun() throws BackendException {
    MemorySegment graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, 6)
            .input("shape", ElementType.INT64, "rank")
            .shapelessOutput("y", ElementType.FLOAT)
            .node("Reshape", "x shape", "y")
            .build();
    try (CpuBackend backend = open(graph, false);
        BatchMemory memory = backend.allocate(key(Shape.of(6), Shape.of(2)), 1);
        Lane lane = backend.openLane(0)) {
      assertThat(memory.fixedOutputs()).isFalse();
      memory.input(1).setAtIndex(JAVA_LONG, 0, 3);
      memory.input(1).setAtIndex(JAVA_LONG, 1, 2);
      lane.run(memory, 1);
      assertThat(memory.outputShape(0)).isEqualTo(Shape.of(3, 2));
    }
  }

  @Test
  void stringsGoInAndOut() throws BackendException {
    MemorySegment graph = TinyModel.identity(ElementType.STRING, 2, 2);
    try (CpuBackend backend = open(graph, false);
        BatchMemory memory = backend.allocate(key(Shape.of(2, 2)), 1);
        Lane lane = backend.openLane(0)) {
      lane.run(memory, 1);
      assertThat(memory.strings(0)).containsExactly("", "", "", "");
      for (String last : List.of("d", "a much longer string than the others")) {
        memory.setStrings(0, new String[] {"a", "b", "ç", last});
        lane.run(memory, 1);
        assertThat(memory.strings(0)).containsExactly("a", "b", "ç", last);
      }
      assertThatThrownBy(() -> memory.setStrings(0, new String[3]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("takes 4 strings");
      assertThatThrownBy(() -> memory.input(0)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> memory.output(0)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void scalarsZeroSizesAndNoInputsRun() throws BackendException {
    try (CpuBackend backend = open(TinyModel.identity(ElementType.FLOAT), false);
        BatchMemory memory = backend.allocate(key(Shape.of()), 1);
        Lane lane = backend.openLane(0)) {
      write(memory.input(0), 4.5f);
      lane.run(memory, 1);
      assertThat(memory.output(0).toArray(JAVA_FLOAT)).containsExactly(4.5f);
      assertThat(memory.outputShape(0)).isEqualTo(Shape.of());
    }
    try (CpuBackend backend = open(TinyModel.identity(ElementType.FLOAT, "N", 0, 3), true);
        BatchMemory memory = backend.allocate(key(Shape.of(1, 0, 3)), 5);
        Lane lane = backend.openLane(0)) {
      lane.run(memory, 5);
      assertThat(memory.output(0).byteSize()).isZero();
      assertThat(memory.outputShape(0)).isEqualTo(Shape.of(1, 0, 3));
    }
    MemorySegment constant =
        new TinyModel()
            .output("y", ElementType.FLOAT, 2)
            .weights("w", new float[] {3, 4}, 2)
            .node("Neg", "w", "y")
            .build();
    try (CpuBackend backend = open(constant, false);
        BatchMemory memory = backend.allocate(key(), 1);
        Lane lane = backend.openLane(0)) {
      lane.run(memory, 1);
      assertThat(memory.output(0).toArray(JAVA_FLOAT)).containsExactly(-3, -4);
    }
  }

  @Test
  void refusesWhatDoesNotFit() throws BackendException {
    try (CpuBackend backend = open(TinyModel.identity(ElementType.FLOAT, "N", 3), true)) {
      assertThatThrownBy(() -> backend.allocate(key(Shape.of(1, 4)), 1))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("does not take the shape [1,4]");
      assertThatThrownBy(() -> backend.allocate(key(Shape.of(2, 3)), 1))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("for one row");
      assertThatThrownBy(() -> backend.allocate(key(), 1))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("x: FLOAT[-1,3]");
      assertThatThrownBy(() -> backend.allocate(key(Shape.of(1, 3)), 0))
          .isInstanceOf(BackendException.class);
    }
    try (CpuBackend backend = open(TinyModel.identity(ElementType.FLOAT, 3), false)) {
      assertThatThrownBy(() -> backend.allocate(key(Shape.of(3)), 2))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("not batched takes 1");
    }
    assertThatThrownBy(() -> open(TinyModel.identity(ElementType.FLOAT, 3), true))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("without a dynamic batch axis");
    assertThatThrownBy(() -> open(MemorySegment.ofArray(new byte[100]), true))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("CreateSessionFromArray");
  }

  @Test
  void memoryThatCannotBeHadTellsTheSizes() throws BackendException {
    try (CpuBackend backend = open(TinyModel.identity(ElementType.FLOAT, "N", "M"), true)) {
      assertThatThrownBy(() -> backend.allocate(key(Shape.of(1, 1L << 40)), 2))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("bytes were asked for")
          .hasMessageContaining("-XX:MaxDirectMemorySize");
    }
  }

  @Test
  void rowsOfHalfBytesDoNotShareABatch() throws BackendException {
    try (CpuBackend backend = open(TinyModel.identity(ElementType.INT4, "N", 3), true)) {
      assertThatThrownBy(() -> backend.allocate(key(Shape.of(1, 3)), 2))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("does not end at a byte");
      backend.allocate(key(Shape.of(1, 3)), 1).close();
    }
  }

  @Test
  void aFailedRunNamesTheCallAndTheLaneGoesOn() throws BackendException {
    MemorySegment graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, 3)
            .input("i", ElementType.INT64, 1)
            .output("y", ElementType.FLOAT, 1)
            .node("Gather", "x i", "y")
            .build();
    try (CpuBackend backend = open(graph, false);
        BatchMemory memory = backend.allocate(key(Shape.of(3), Shape.of(1)), 1);
        Lane lane = backend.openLane(3)) {
      write(memory.input(0), 1, 2, 3);
      memory.input(1).set(JAVA_LONG, 0, 99);
      assertThatThrownBy(() -> lane.run(memory, 1))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("cpu lane 3")
          .hasMessageContaining("RunWithBinding(");
      memory.input(1).set(JAVA_LONG, 0, 2);
      lane.run(memory, 1);
      assertThat(memory.output(0).get(JAVA_FLOAT, 0)).isEqualTo(3);
      assertThatThrownBy(() -> lane.run(memory, 2)).isInstanceOf(IllegalArgumentException.class);
    }
  }
}
