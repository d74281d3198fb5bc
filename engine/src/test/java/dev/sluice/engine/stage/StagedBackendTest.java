package dev.sluice.engine.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.StagedEngines;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.cpu.CpuBackend;
import dev.sluice.engine.cpu.CpuModel;
import dev.sluice.engine.cpu.CpuOptions;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What stages compute, on a model that hands its input on. */
class StagedBackendTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261124L);

  private static ShapeKey key(Backend backend) {
    return ShapeKey.ofDeclared(backend.signature(), true);
  }

  private static float get(ElementType type, MemorySegment out, long at) {
    return type == ElementType.FLOAT
        ? out.getAtIndex(ValueLayout.JAVA_FLOAT, at)
        : Float.float16ToFloat(out.getAtIndex(ValueLayout.JAVA_SHORT, at));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "x=u8,letterbox=HxW,max=60x60|FLOAT|3",
        "x=u8,letterbox=HxW,max=60x60,fill=0,order=bgr,mean=0.485:0.456:0.406,std=0.229:0.224:0.225|FLOAT|3",
        "x=u8,resize=HxW,max=60x60,scale=1,mean=104:117:123,order=bgr|FLOAT|3",
        "x=u8,resize=HxW,max=60x60,mean=0.5,std=0.25|FLOAT16|3",
        "x=u8,letterbox=HxW,max=60x60,fill=255|FLOAT16|1",
        "x=u8,resize=HxW,size=23x41|FLOAT|3",
        "x=u8,letterbox=HxW,size=41x23,scale=1/127.5,mean=1|FLOAT|1",
        "x=u8,mean=0.1:0.2:0.3|FLOAT|3",
      })
  void imagesAgainstAPlainImplementation(String text, ElementType type, int channels)
      throws BackendException {
    Random random = new Random(SEED);
    for (int trial = 0; trial < 12; trial++) {
      int height = 1 + random.nextInt(40);
      int width = 1 + random.nextInt(40);
      String stageText = text.replace("HxW", height + "x" + width);
      try (Backend backend =
          StagedEngines.images(stageText, type, true, "N", channels, height, width)) {
        check(backend, type, random, "seed " + SEED + ", trial " + trial + ", " + stageText);
      }
    }
  }

  /** A batch of images of sizes of their own, each against the plain one. */
  private static void check(Backend backend, ElementType type, Random random, String who)
      throws BackendException {
    InputStage stage = backend.stages().inputs().getFirst().stage();
    int rows = 1 + random.nextInt(5);
    try (BatchMemory memory = backend.allocate(key(backend), rows);
        Lane lane = backend.openLane(0)) {
      List<byte[]> images = new ArrayList<>();
      int[][] sizes = new int[rows][];
      for (int row = 0; row < rows; row++) {
        int h = stage.anySize() ? 1 + random.nextInt(60) : stage.sourceHeight();
        int w = stage.anySize() ? 1 + random.nextInt(3600 / h) : stage.sourceWidth();
        byte[] image = new byte[h * w * stage.channels()];
        random.nextBytes(image);
        images.add(image);
        sizes[row] = new int[] {h, w};
        MemorySegment.copy(
            image,
            0,
            memory.input(0),
            ValueLayout.JAVA_BYTE,
            row * memory.inputRowBytes(0),
            image.length);
        if (stage.anySize()) {
          memory.input(1).setAtIndex(ValueLayout.JAVA_INT, row * 2L, h);
          memory.input(1).setAtIndex(ValueLayout.JAVA_INT, row * 2L + 1, w);
        }
      }
      lane.run(memory, rows);
      for (int row = 0; row < rows; row++) {
        double[][][] expected =
            PlainStages.image(stage, images.get(row), sizes[row][0], sizes[row][1]);
        long at = (long) row * stage.channels() * stage.height() * stage.width();
        for (int c = 0; c < stage.channels(); c++) {
          // Three roundings of a float make a place, and neighbours differ by up to 255.
          double places =
              2 * ((double) Math.ulp((float) sizes[row][0]) + Math.ulp((float) sizes[row][1]));
          double unit = stage.scale() / stage.std().get(c);
          double step = Math.abs(stage.mean().get(c)) / stage.std().get(c) + 255 * unit;
          double allowed = 255 * places * unit + step * (type == ElementType.FLOAT ? 1e-6 : 1e-3);
          for (int y = 0; y < stage.height(); y++) {
            for (int x = 0; x < stage.width(); x++) {
              assertThat((double) get(type, memory.output(0), at++))
                  .as(
                      "%s, row %d of size %s, %d %d %d",
                      who, row, List.of(sizes[row][0], sizes[row][1]), c, y, x)
                  .isCloseTo(expected[c][y][x], within(allowed));
            }
          }
        }
      }
    }
  }

  /**
   * The numbers that go with torchvision's weights: black, white and (124, 116, 104), the mean of
   * ImageNet, computed by hand with mean (0.485, 0.456, 0.406) and std (0.229, 0.224, 0.225).
   */
  @Test
  void torchvisionsNumbers() throws BackendException {
    String text = "x=u8,mean=0.485:0.456:0.406,std=0.229:0.224:0.225";
    float[][] expected = {
      {-2.117904f, -2.0357144f, -1.8044444f},
      {2.2489083f, 2.4285715f, 2.64f},
      {0.005565545f, -0.004901961f, 0.008191721f},
    };
    byte[][] pixels = {{0, 0, 0}, {-1, -1, -1}, {124, 116, 104}};
    try (Backend backend = StagedEngines.images(text, ElementType.FLOAT, true, "N", 3, 1, 1);
        BatchMemory memory = backend.allocate(key(backend), 3);
        Lane lane = backend.openLane(0)) {
      for (int row = 0; row < 3; row++) {
        memory.input(0).asSlice(row * 3L, 3).copyFrom(MemorySegment.ofArray(pixels[row]));
      }
      lane.run(memory, 3);
      for (int row = 0; row < 3; row++) {
        assertThat(memory.output(0).asSlice(row * 12L, 12).toArray(ValueLayout.JAVA_FLOAT))
            .containsExactly(expected[row], within(2e-6f));
      }
    }
  }

  /** As Caffe's models take them: blue first, 0 to 255, minus (104, 117, 123). */
  @Test
  void caffesNumbers() throws BackendException {
    String text = "x=u8,scale=1,mean=104:117:123,order=bgr";
    try (Backend backend = StagedEngines.images(text, ElementType.FLOAT, true, "N", 3, 1, 1);
        BatchMemory memory = backend.allocate(key(backend), 1);
        Lane lane = backend.openLane(0)) {
      memory.input(0).copyFrom(MemorySegment.ofArray(new byte[] {10, 20, 30}));
      lane.run(memory, 1);
      assertThat(memory.output(0).toArray(ValueLayout.JAVA_FLOAT)).containsExactly(-74, -97, -113);
    }
  }

  @Test
  void garbageSizesSpoilNoNeighbour() throws BackendException {
    Random random = new Random(SEED);
    String text = "x=u8,letterbox=6x6,max=8x8,fill=7,scale=1";
    try (Backend backend = StagedEngines.images(text, ElementType.FLOAT, true, "N", 3, 6, 6);
        BatchMemory memory = backend.allocate(key(backend), 9);
        Lane lane = backend.openLane(0)) {
      int[][] bad = {
        {0, 0}, {-1, 3}, {3, -1}, {Integer.MAX_VALUE, Integer.MAX_VALUE},
        {Integer.MIN_VALUE, 1}, {9, 8}, {65536, 65536}, {1, 0}
      };
      memory.input(0).fill((byte) 100);
      for (int row = 0; row < 9; row++) {
        int[] size = row == 4 ? new int[] {8, 8} : bad[row < 4 ? row : row - 1];
        memory.input(1).setAtIndex(ValueLayout.JAVA_INT, row * 2L, size[0]);
        memory.input(1).setAtIndex(ValueLayout.JAVA_INT, row * 2L + 1, size[1]);
      }
      lane.run(memory, 9);
      for (int row = 0; row < 9; row++) {
        float[] values = memory.output(0).asSlice(row * 432L, 432).toArray(ValueLayout.JAVA_FLOAT);
        assertThat(values).as("row %d", row).containsOnly(row == 4 ? 100 : 7);
        assertThat(backend.stages().problem(memory, row, 1) == null).isEqualTo(row == 4);
      }
      for (int i = 0; i < 2_000; i++) {
        for (long at = 0; at < 18; at++) {
          int shift = random.nextInt(32);
          memory.input(1).setAtIndex(ValueLayout.JAVA_INT, at, random.nextInt() >> shift);
        }
        lane.run(memory, 9);
      }
    }
  }

  @Test
  void aModelThatIsNotBatchedTakesTheImagesThatItDeclares() throws BackendException {
    String text = "x=u8,resize=2x2,max=4x4,scale=1";
    try (Backend backend = StagedEngines.images(text, ElementType.FLOAT, false, 2, 3, 2, 2)) {
      assertThat(backend.signature().inputs().getFirst().shape()).isEqualTo(Shape.of(2, 48));
      ShapeKey key = ShapeKey.ofDeclared(backend.signature(), false);
      try (BatchMemory memory = backend.allocate(key, 1);
          Lane lane = backend.openLane(0)) {
        memory.input(0).fill((byte) 9);
        memory.input(0).asSlice(48, 48).fill((byte) 200);
        backend.stages().fillSizes(memory);
        assertThat(backend.stages().problem(memory, 0, 1)).isNull();
        memory.input(1).setAtIndex(ValueLayout.JAVA_INT, 2, 17);
        assertThat(backend.stages().problem(memory, 0, 1)).contains("row 1", "17x4");
        memory.input(1).setAtIndex(ValueLayout.JAVA_INT, 2, 1);
        lane.run(memory, 1);
        float[] out = memory.output(0).toArray(ValueLayout.JAVA_FLOAT);
        assertThat(out).hasSize(24);
        assertThat(out[11]).isEqualTo(9);
        assertThat(out[12]).isEqualTo(200);
      }
    }
  }

  @Test
  void scoresAgainstAPlainImplementation() throws BackendException {
    Random random = new Random(SEED);
    for (ElementType type : List.of(ElementType.FLOAT, ElementType.FLOAT16)) {
      int columns = 37;
      Backend model =
          CpuBackend.open(
              CpuModel.inline(TinyModel.identity(type, "N", columns), true), CpuOptions.defaults());
      List<Stage> stages =
          List.of(new OutputStage("y", type, columns, OutputStage.Kind.SOFTMAX_TOPK, 5));
      try (Backend backend = StagedBackend.over(model, true, stages);
          BatchMemory memory = backend.allocate(key(backend), 6);
          Lane lane = backend.openLane(0)) {
        double[][] scores = new double[6][columns];
        for (int i = 0; i < 6 * columns; i++) {
          float score = (float) random.nextGaussian() * 4;
          if (type == ElementType.FLOAT) {
            memory.input(0).setAtIndex(ValueLayout.JAVA_FLOAT, i, score);
          } else {
            short half = Float.floatToFloat16(score);
            memory.input(0).setAtIndex(ValueLayout.JAVA_SHORT, i, half);
            score = Float.float16ToFloat(half);
          }
          scores[i / columns][i % columns] = score;
        }
        lane.run(memory, 6);
        for (int row = 0; row < 6; row++) {
          double sum = 0;
          for (double score : scores[row]) {
            sum += Math.exp(score);
          }
          double above = Double.POSITIVE_INFINITY;
          for (int k = 0; k < 5; k++) {
            int index = memory.output(1).getAtIndex(ValueLayout.JAVA_INT, row * 5L + k);
            double score = scores[row][index];
            double limit = above;
            long better = Arrays.stream(scores[row]).filter(s -> s < limit && s > score).count();
            assertThat(better).as("seed %d, row %d, k %d", SEED, row, k).isZero();
            assertThat((double) memory.output(0).getAtIndex(ValueLayout.JAVA_FLOAT, row * 5L + k))
                .isCloseTo(Math.exp(score) / sum, within(1e-5));
            above = score;
          }
        }
      }
    }
  }

  @Test
  void theBestScoreAndWhereItStands() throws BackendException {
    Backend model =
        CpuBackend.open(
            CpuModel.inline(TinyModel.identity(ElementType.FLOAT, "N", 4, 1, 1), true),
            CpuOptions.defaults());
    List<Stage> stages =
        List.of(new OutputStage("y", ElementType.FLOAT, 4, OutputStage.Kind.ARGMAX, 1));
    try (Backend backend = StagedBackend.over(model, true, stages);
        BatchMemory memory = backend.allocate(key(backend), 2);
        Lane lane = backend.openLane(0)) {
      memory.input(0).copyFrom(MemorySegment.ofArray(new float[] {-3, -1, -1, -2, 5, 6, 7, 8}));
      lane.run(memory, 2);
      assertThat(memory.outputShape(0)).isEqualTo(Shape.of(1));
      assertThat(memory.output(0).toArray(ValueLayout.JAVA_INT)).containsExactly(1, 3);
      assertThat(memory.output(1).toArray(ValueLayout.JAVA_FLOAT)).containsExactly(-1, 8);
      assertThat(lane.postNs()).isPositive();
    }
  }

  @Test
  void stagesOfAnotherModelAreRefused() {
    InputStage other =
        InputStageSpec.parse("x=u8")
            .resolve(new TensorSpec("x", ElementType.FLOAT, Shape.of(-1, 3, 9, 9)));
    InputStage unknown =
        InputStageSpec.parse("z=u8")
            .resolve(new TensorSpec("z", ElementType.FLOAT, Shape.of(-1, 3, 4, 4)));
    OutputStage wide = new OutputStage("y", ElementType.FLOAT, 47, OutputStage.Kind.ARGMAX, 1);
    refused(other, "was made for an input FLOAT[-1,3,9,9]");
    refused(unknown, "no input is named 'z'");
    refused(wide, "47 numbers a row");
    assertThatThrownBy(() -> over(wide, wide)).hasMessageContaining("two stages");
  }

  private static void refused(Stage stage, String problem) {
    assertThatThrownBy(() -> over(stage))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining(problem)
        .hasMessageContaining("build the package again");
  }

  private static void over(Stage... stages) throws BackendException {
    Backend model =
        CpuBackend.open(
            CpuModel.inline(TinyModel.identity(ElementType.FLOAT, "N", 3, 4, 4), true),
            CpuOptions.defaults());
    StagedBackend.over(model, true, List.of(stages)).close();
  }

  @Test
  void aSecondTensorOfOneNameIsRefused() {
    InputStage stage =
        InputStageSpec.parse("x=u8,resize=4x4")
            .resolve(new TensorSpec("x", ElementType.FLOAT, Shape.of(-1, 3, 4, 4)));
    MemorySegment graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 3, 4, 4)
            .input("x.size", ElementType.FLOAT, "N", 3, 4, 4)
            .output("y", ElementType.FLOAT, "N", 3, 4, 4)
            .node("Add", "x x.size", "y")
            .build();
    assertThatThrownBy(() ->
            StagedBackend.over(
                CpuBackend.open(CpuModel.inline(graph, true), CpuOptions.defaults()),
                true,
                List.of(stage)))
        .hasMessageContaining("a second tensor 'x.size'");
  }

  @Test
  void shapesAndMemoryThatDoNotFitAreRefused() throws BackendException {
    String text = "x=u8,resize=2x2,max=4x4";
    try (Backend backend = StagedEngines.images(text, ElementType.FLOAT, true, "N", 3, 2, 2);
        Backend other = StagedEngines.images(text, ElementType.FLOAT, true, "N", 3, 2, 2);
        Lane lane = backend.openLane(0);
        BatchMemory foreign = other.allocate(key(other), 1)) {
      assertThatThrownBy(() -> lane.run(foreign, 1)).hasMessageContaining("is not of");
      assertThatThrownBy(() -> backend.allocate(new ShapeKey(List.of(Shape.of(1, 3, 2, 2))), 1))
          .isInstanceOf(BackendException.class);
      assertThatThrownBy(
              () -> backend.allocate(new ShapeKey(List.of(Shape.of(1, 47), Shape.of(1, 2))), 1))
          .isInstanceOf(BackendException.class);
      assertThatThrownBy(
              () -> backend.allocate(new ShapeKey(List.of(Shape.of(2, 48), Shape.of(1, 2))), 1))
          .isInstanceOf(BackendException.class);
      try (BatchMemory memory = backend.allocate(key(backend), 1)) {
        assertThatThrownBy(() -> lane.run(memory, 2)).hasMessageContaining("1 to 1");
        assertThatThrownBy(() -> memory.setStrings(0, new String[0]))
            .isInstanceOf(IllegalStateException.class);
      }
    }
  }
}
