package dev.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.InferenceException.Reason;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Requests with images of sizes of their own, from many callers, good and bad. */
@Timeout(120)
class StagedEngineTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261124L);
  private static final int CALLERS = 16;
  private static final int REQUESTS = 400;
  private static final Duration WAIT = Duration.ofSeconds(30);

  private static Engine any() throws Exception {
    return StagedEngines.pixels("x=u8,letterbox=4x4,max=16x16,fill=1", true);
  }

  /** Each caller sends images of one colour, so that every pixel of its own answer is known. */
  @Test
  void imagesOfAllSizesShareBatchesAndEachCallerGetsItsOwn() throws Exception {
    ConcurrentLinkedQueue<Throwable> errors = new ConcurrentLinkedQueue<>();
    AtomicInteger refused = new AtomicInteger();
    try (Engine engine = any()) {
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < CALLERS; t++) {
        SplittableRandom random = new SplittableRandom(SEED + t);
        threads.add(
            (t % 2 == 0 ? Thread.ofPlatform() : Thread.ofVirtual())
                .start(() -> {
                  try (Request request = engine.newRequest()) {
                    for (int i = 0; i < REQUESTS; i++) {
                      once(request, random, refused);
                    }
                  } catch (Throwable e) {
                    errors.add(e);
                  }
                }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(errors).as("seed %d", SEED).isEmpty();
      assertThat(refused.get()).isPositive();
      assertThat(engine.stats().batchRows().max()).isGreaterThan(1);
      assertThat(engine.stats().preNs().count()).isPositive();
      assertThat(engine.stats().preNs().count())
          .as("parts are of runs that are timed")
          .isLessThanOrEqualTo(engine.stats().runNs().count());
      assertThat(engine.stats().preNs().max()).isLessThanOrEqualTo(engine.stats().runNs().max());
    }
  }

  private static void once(Request request, SplittableRandom random, AtomicInteger refused)
      throws InterruptedException {
    int rows = 1 + random.nextInt(3);
    assertThat(request.claim(rows, WAIT)).isEqualTo(Admission.ADMITTED);
    int[] colours = new int[rows];
    boolean[] high = new boolean[rows];
    for (int row = 0; row < rows; row++) {
      int height = 1 + random.nextInt(30);
      int width = 1 + random.nextInt(256 / height);
      colours[row] = 2 + random.nextInt(250);
      high[row] = height >= width;
      byte[] image = new byte[height * width * 3];
      Arrays.fill(image, (byte) colours[row]);
      request.image("x").put(row, height, width, image);
    }
    if (random.nextInt(10) == 0) {
      int bad = random.nextInt(rows);
      request.input("x.size").setAtIndex(ValueLayout.JAVA_INT, 2L * bad, random.nextInt(257, 900));
      assertThatThrownBy(request::run)
          .isInstanceOf(InferenceException.class)
          .hasMessageContaining("row " + bad + " has an image of")
          .extracting(e -> ((InferenceException) e).reason())
          .isEqualTo(Reason.BAD_INPUT);
      refused.incrementAndGet();
      return;
    }
    try (request) {
      MemorySegment out = request.run().output(0);
      for (int row = 0; row < rows; row++) {
        // Of the letterbox the second column of a high image, the second row of a wide one.
        for (int i = 0; i < 4; i++) {
          long at = row * 48L + (high[row] ? i * 4L + 1 : 4L + i);
          assertThat(out.getAtIndex(ValueLayout.JAVA_FLOAT, at)).isEqualTo(colours[row]);
        }
      }
    }
  }

  @Test
  void aRequestWithABadSizeEndsAloneAndItsHandleGoesOn() throws Exception {
    try (Engine engine = any();
        Request request = engine.newRequest()) {
      assertThat(request.claim(1, WAIT)).isEqualTo(Admission.ADMITTED);
      request.input(1).setAtIndex(ValueLayout.JAVA_INT, 0, -5);
      assertThatThrownBy(() -> request.submit((done, failure) -> {}))
          .hasMessageContaining("an image of -5x");
      assertThat(request.claim(1, WAIT)).isEqualTo(Admission.ADMITTED);
      request.image(0).put(0, 1, 2, new int[] {0xff010203, 0x00010203});
      float[] values = request.run().output(0).toArray(ValueLayout.JAVA_FLOAT);
      assertThat(Arrays.copyOfRange(values, 4, 8)).containsExactly(1, 1, 1, 1);
      assertThat(Arrays.copyOfRange(values, 36, 44)).containsOnly(3);
    }
  }

  @Test
  void imagesThatDoNotFitAreRefusedBeforeAnythingIsWritten() throws Exception {
    try (Engine engine = any();
        Request request = engine.newRequest()) {
      assertThat(request.claim(2, WAIT)).isEqualTo(Admission.ADMITTED);
      ImageRows images = request.image("x");
      assertThat(images).isSameAs(request.image(0));
      assertThat(images.stage().capacityBytes()).isEqualTo(768);
      refused(() -> images.put(0, 16, 17, new byte[816]), "up to 256 pixels", "larger max=");
      refused(() -> images.put(0, 0, 4, new byte[0]), "an image of 0x4");
      refused(() -> images.put(0, 20_000, 1, new byte[60_000]), "no side longer than 16384");
      refused(() -> images.put(0, 65_536, 65_536, new byte[0]), "an image of 65536x65536");
      refused(() -> images.put(0, 2, 2, new byte[11]), "has 12 bytes, but 11 were given");
      refused(() -> images.put(0, 2, 2, new int[5]), "has 12 bytes, but 15 were given");
      refused(() -> images.put(2, 2, 2, new byte[12]), "row 2", "has 2");
      refused(() -> images.put(-1, 2, 2, new byte[12]), "row -1");
      refused(() -> images.put(0, 2, 2, MemorySegment.ofArray(new byte[13])), "13 were given");
      refused(() -> request.image(1), "takes no images");
      refused(() -> request.image("y"), "no input is named 'y'");
      images.put(0, 16, 16, new byte[768]);
      images.put(1, 1, 256, MemorySegment.ofArray(new byte[768]));
      assertThat(request.run().output(0).byteSize()).isEqualTo(2 * 192);
      assertThatThrownBy(() -> images.put(0, 2, 2, new byte[12]))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  private static void refused(Runnable put, String... words) {
    assertThatThrownBy(put::run)
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .contains(words);
  }

  @Test
  void oneSizeNeedsNoSizes() throws Exception {
    try (Engine engine = StagedEngines.pixels("x=u8", true)) {
      assertThat(engine.signature().inputs())
          .containsExactly(new TensorSpec("x", ElementType.UINT8, Shape.of(-1, 4, 4, 3)));
      byte[] image = new byte[48];
      Arrays.fill(image, (byte) -1);
      float last =
          engine.call(
              1,
              in -> in.image("x").put(0, 4, 4, image),
              out -> out.output("y").getAtIndex(ValueLayout.JAVA_FLOAT, 47));
      assertThat(last).isEqualTo(255);
      assertThatThrownBy(
              () -> engine.call(1, in -> in.image("x").put(0, 4, 3, new byte[36]), out -> null))
          .hasMessageContaining("images of 4x4 only: resize it");
    }
  }

  /** Every run has all rows then: those that nobody claimed hold what an earlier batch left. */
  @Test
  void exactBatchesPadWithRowsThatNobodyReads() throws Exception {
    EngineOptions.Builder exact = StagedEngines.options().exactBatch(true).buffersPerShape(1);
    String stage = "x=u8,letterbox=4x4,max=16x16,fill=1";
    try (Engine engine = StagedEngines.pixels(stage, ElementType.FLOAT, true, exact);
        Request request = engine.newRequest()) {
      for (int rows : new int[] {3, 8, 1, 2}) {
        assertThat(request.claim(rows, WAIT)).isEqualTo(Admission.ADMITTED);
        for (int row = 0; row < rows; row++) {
          byte[] image = new byte[6 * 6 * 3];
          Arrays.fill(image, (byte) (10 * rows + row));
          request.image("x").put(row, 6, 6, image);
        }
        try (request) {
          MemorySegment out = request.run().output(0);
          assertThat(out.byteSize()).isEqualTo(rows * 192L);
          for (int row = 0; row < rows; row++) {
            assertThat(out.asSlice(row * 192L, 192).toArray(ValueLayout.JAVA_FLOAT))
                .containsOnly(10 * rows + row);
          }
        }
      }
    }
  }

  @Test
  void bestScoresOnly() throws Exception {
    try (Engine engine = StagedEngines.scores("y=softmax_topk:2", 3, true)) {
      assertThat(engine.signature().outputs().stream().map(TensorSpec::name))
          .containsExactly("y.values", "y.indices");
      engine.call(
          2,
          in -> in.input("x").copyFrom(MemorySegment.ofArray(new float[] {1, 3, 2, 0, -1, 0})),
          out -> {
            assertThat(out.output("y.indices").toArray(ValueLayout.JAVA_INT))
                .containsExactly(1, 2, 0, 2);
            assertThat(out.outputShape(0)).isEqualTo(Shape.of(2, 2));
            return null;
          });
    }
    try (Engine engine = StagedEngines.scores("y=argmax", 3, false)) {
      int index =
          engine.call(
              1,
              in -> in.input("x").copyFrom(MemorySegment.ofArray(new float[] {1, 3, 2})),
              out -> out.output("y.index").getAtIndex(ValueLayout.JAVA_INT, 0));
      assertThat(index).isEqualTo(1);
    }
  }
}
