package dev.sluice.engine;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuOptions;
import dev.sluice.engine.format.Manifest.PadCut;
import dev.sluice.engine.format.Manifest.PadRule;
import dev.sluice.engine.format.Manifest.Padding;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Requests of different lengths share batches of a bucket: {@code y[N,T,2] = x[N,T,2] * m[N,T,2]},
 * where the engine writes m, and {@code z[N,T] = t[N,T] + t[N,T]}.
 */
@Timeout(120)
class PaddedEngineTest {
  private static final Duration WAIT = Duration.ofSeconds(30);
  private static final Padding PADDING =
      new Padding(
          List.of(
              new PadRule("x", 1, List.of(4L, 8L), -5, "m"),
              new PadRule("t", 1, List.of(4L, 8L), 3, null)),
          List.of(new PadCut("y", 1, "x", 1), new PadCut("z", 1, "t", 1)));

  private Engine engine;

  @BeforeEach
  void open() throws Exception {
    MemorySegment graph =
        new TinyModel()
            .input("x", FLOAT, "N", "T", 2)
            .input("m", FLOAT, "N", "T", 2)
            .input("t", INT64, "N", "T")
            .output("y", FLOAT, "N", "T", 2)
            .output("z", INT64, "N", "T")
            .node("Mul", "x m", "y")
            .node("Add", "t t", "z")
            .build();
    engine =
        new Engine(
            CpuBackend.open(CpuModel.inline(graph, true), CpuOptions.defaults()),
            true,
            8,
            1,
            null,
            // More shapes than two would be refused: lengths are no shapes of their own.
            EngineOptions.builder().maxShapes(2).maxBatch(8).lanes(1).build(),
            PADDING);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private static Map<String, Shape> shapes(int rows, int length) {
    return Map.of("x", Shape.of(rows, length, 2), "t", Shape.of(rows, length));
  }

  private static float[] floats(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(1000);
    }
    return values;
  }

  private static void write(Request request, float[] x, long[] t) {
    request.write(0, MemorySegment.ofArray(x));
    request.write(2, MemorySegment.ofArray(t));
  }

  private static float[] y(Outputs outputs, int count) {
    float[] y = new float[count];
    outputs.read(0, MemorySegment.ofArray(y));
    return y;
  }

  @Test
  void rowsGoInAndComeOutWithoutPadding() throws Exception {
    Request request = engine.newRequest(shapes(2, 3));
    assertThat(request.claim(2, WAIT).admitted()).isTrue();
    float[] x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    write(request, x, new long[] {1, 2, 3, 4, 5, 6});
    Outputs outputs = request.run();
    assertThat(outputs.outputShape(0)).isEqualTo(Shape.of(2, 3, 2));
    assertThat(y(outputs, 12)).containsExactly(x);
    long[] z = new long[6];
    outputs.read(1, MemorySegment.ofArray(z));
    assertThat(z).containsExactly(2, 4, 6, 8, 10, 12);
    // In place there is what the batch has: the mask cuts the filling off y, z has it twice.
    assertThat(outputs.output(0).toArray(JAVA_FLOAT))
        .containsExactly(1, 2, 3, 4, 5, 6, -0f, -0f, 7, 8, 9, 10, 11, 12, -0f, -0f);
    assertThat(outputs.output(1).toArray(JAVA_LONG)).containsExactly(2, 4, 6, 6, 8, 10, 12, 6);
    request.close();
  }

  @Test
  void requestsOfDifferentLengthsShareABatch() throws Exception {
    Request three = engine.newRequest(shapes(1, 3));
    Request four = engine.newRequest(shapes(1, 4));
    Request five = engine.newRequest(shapes(1, 5));
    assertThat(three.claim(1, WAIT).admitted()).isTrue();
    assertThat(four.claim(1, WAIT).admitted()).isTrue();
    assertThat(five.claim(1, WAIT).admitted()).isTrue();
    assertThat(three.batch()).isSameAs(four.batch()).isNotSameAs(five.batch());
    three.close();
    four.close();
    five.close();
  }

  @Test
  void whatWasInTheRowsBeforeIsFilledOver() throws Exception {
    for (int length : new int[] {4, 1, 4, 2}) {
      Request request = engine.newRequest(shapes(1, length));
      assertThat(request.claim(1, WAIT).admitted()).isTrue();
      float[] x = floats(new Random(length), 2 * length);
      write(request, x, new long[length]);
      float[] all = request.run().output(0).toArray(JAVA_FLOAT);
      for (int i = 0; i < all.length; i++) {
        assertThat(all[i]).isEqualTo(i < x.length ? x[i] : -0f);
      }
      request.close();
    }
  }

  @Test
  void manyCallersOfRandomLengths() throws Exception {
    ConcurrentLinkedQueue<Throwable> errors = new ConcurrentLinkedQueue<>();
    List<Thread> threads = new ArrayList<>();
    for (int caller = 0; caller < 8; caller++) {
      int seed = caller;
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try {
                  call(new Random(seed));
                } catch (Throwable t) {
                  errors.add(t);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(errors).isEmpty();
  }

  private void call(Random random) throws Exception {
    Request[] requests = new Request[9];
    for (int i = 0; i < 500; i++) {
      int length = 1 + random.nextInt(8);
      int rows = 1 + random.nextInt(3);
      if (requests[length] == null) {
        requests[length] = engine.newRequest(shapes(1, length));
      }
      Request request = requests[length];
      assertThat(request.claim(rows, WAIT).admitted()).isTrue();
      if (random.nextInt(10) == 0) {
        request.close(); // the row stays as it is, and its neighbours' answers right
        continue;
      }
      float[] x = floats(random, 2 * rows * length);
      write(request, x, new long[rows * length]);
      assertThat(y(request.run(), x.length)).containsExactly(x);
      request.close();
    }
  }

  @Test
  void whatDoesNotFitIsRefused() throws Exception {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> engine.newRequest(shapes(1, 9)))
        .withMessageContainingAll("'x'", "extent 9", "largest bucket", "8");
    Map<String, Shape> masked =
        Map.of("x", Shape.of(1, 3, 2), "m", Shape.of(1, 4, 2), "t", Shape.of(1, 3));
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> engine.newRequest(masked))
        .withMessageContainingAll("mask 'm'", "leave the mask out");
    Request request = engine.newRequest(shapes(1, 3));
    assertThat(request.claim(1, WAIT).admitted()).isTrue();
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> request.write(0, MemorySegment.ofArray(new float[8])))
        .withMessageContainingAll("input 0", "24 bytes", "32");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(24);
      assertThatExceptionOfType(UnsupportedOperationException.class)
          .isThrownBy(() -> request.deviceInput(0, memory))
          .withMessageContaining("padded");
    }
    request.close();
  }
}
