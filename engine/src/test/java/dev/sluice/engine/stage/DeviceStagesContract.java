package dev.sluice.engine.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.kernels.KernelCall;
import dev.sluice.kernels.StageMachine;
import dev.sluice.kernels.TopK;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A stage on the host and its launch on a device agree: on the model's input, on scores and on
 * where they stand to the last bit, on probabilities within {@link TopK#tolerance}.
 */
abstract class DeviceStagesContract {
  static final long SEED = Long.getLong("sluice.seed", 20261124L);
  private static final int IMAGES = 7;

  /** What the stages are launched on. */
  abstract StageMachine machine();

  static StagePlan plan(String input, ElementType type, int channels, String output, int columns) {
    TensorSpec x = new TensorSpec("x", type, Shape.of(-1, channels, 13, 9));
    TensorSpec y = new TensorSpec("y", type, Shape.of(-1, columns));
    return StagePlan.of(
        new Signature(List.of(x), List.of(y)),
        true,
        List.of(
            InputStageSpec.parse(input).resolve(x),
            OutputStageSpec.parse(output).resolve(y, Shape.of(1, columns))));
  }

  private static InputStep images(String text, ElementType type, int channels) {
    return plan(text, type, channels, "y=argmax", 41).inputs().getFirst();
  }

  /**
   * What a launch leaves in the model's input, and what the same stage or another one does here.
   */
  private void compare(InputStep launched, InputStep expected, boolean equal) {
    Random random = new Random(SEED);
    InputStage stage = launched.stage();
    try (StageMachine machine = machine();
        KernelCall call = new KernelCall(3);
        Arena arena = Arena.ofConfined()) {
      byte[] pixels = new byte[IMAGES * stage.capacityBytes()];
      random.nextBytes(pixels);
      MemorySegment images = arena.allocateFrom(ValueLayout.JAVA_BYTE, pixels);
      MemorySegment sizes = null;
      if (launched.sizes() >= 0) {
        sizes = arena.allocate(8L * IMAGES, 8);
        for (int i = 0; i < IMAGES; i++) {
          int height = 1 + random.nextInt(40);
          // The last two have garbage for a size.
          sizes.setAtIndex(ValueLayout.JAVA_INT, 2L * i, i < 5 ? height : random.nextInt());
          int width = i < 5 ? 1 + random.nextInt(1024 / height) : -1;
          sizes.setAtIndex(ValueLayout.JAVA_INT, 2L * i + 1, width);
        }
      }
      long bytes = stage.type().byteSize(stage.model(IMAGES).shape().elementCount());
      MemorySegment onHost = arena.allocate(bytes, 64);
      expected.run(images, sizes, onHost, IMAGES);
      MemorySegment onDevice = arena.allocate(bytes, 64).fill((byte) 0x5C);
      long target = machine.place(onDevice);
      launched.prepare(
          call, machine.place(images), sizes == null ? 0 : machine.place(sizes), target, IMAGES);
      machine.run(call);
      machine.fetch(target, onDevice);
      assertThat(onDevice.mismatch(onHost) == -1).as("%s, seed %d", stage, SEED).isEqualTo(equal);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "x=u8,letterbox=13x9,max=32x32,mean=0.485:0.456:0.406,std=0.229:0.224:0.225|FLOAT|3",
        "x=u8,letterbox=13x9,max=32x32,mean=0.485:0.456:0.406,std=0.229:0.224:0.225|FLOAT16|3",
        "x=u8,resize=13x9,max=32x32,scale=1,mean=104:117:123,order=bgr|FLOAT16|3",
        "x=u8,resize=13x9,max=32x32|FLOAT|1",
        "x=u8,letterbox=13x9,size=31x17,fill=3|FLOAT|1",
        "x=u8,resize=13x9,size=9x13,order=bgr|FLOAT|3",
        "x=u8,order=bgr|FLOAT16|3",
        "x=u8,mean=0.1:0.2:0.3|FLOAT|3",
        "x=u8|FLOAT|1",
      })
  void imagesAreTheSameBytes(String text, ElementType type, int channels) {
    InputStep step = images(text, type, channels);
    compare(step, step, true);
  }

  @Test
  void anotherStageIsNoticed() {
    String text = "x=u8,letterbox=13x9,max=32x32,scale=1";
    InputStep step = images(text, ElementType.FLOAT, 3);
    for (String other : new String[] {",order=bgr", ",fill=113", ",std=0.99999"}) {
      compare(step, images(text + other, ElementType.FLOAT, 3), false);
    }
  }

  /** Scores of which many are equal, and a row that has no best one. */
  private static MemorySegment scores(Arena arena, ElementType type, int rows, int columns) {
    Random random = new Random(SEED);
    MemorySegment scores = arena.allocate(type.byteSize((long) rows * columns), 64);
    for (int i = 0; i < rows * columns; i++) {
      float score = i < columns ? Float.NaN : Math.round(random.nextGaussian() * 20) / 4f;
      if (type == ElementType.FLOAT) {
        scores.setAtIndex(ValueLayout.JAVA_FLOAT, i, score);
      } else {
        scores.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(score));
      }
    }
    return scores;
  }

  @ParameterizedTest
  @CsvSource({
    "y=softmax_topk:5,FLOAT,41",
    "y=softmax_topk:5,FLOAT16,41",
    "y=softmax_topk:32,FLOAT,1000",
    "y=topk:5,FLOAT,1000",
    "y=topk:32,FLOAT16,41",
    "y=argmax,FLOAT,41",
    "y=argmax,FLOAT16,1000",
    "y=argmax,FLOAT,1",
  })
  void bestScoresAreTheSame(String text, ElementType type, int columns) {
    OutputStep step = plan("x=u8", type, 3, text, columns).outputs().getFirst();
    int rows = 6;
    try (StageMachine machine = machine();
        KernelCall call = new KernelCall(3);
        Arena arena = Arena.ofConfined()) {
      MemorySegment scores = scores(arena, type, rows, columns);
      long bytes = 4L * rows * step.stage().k();
      MemorySegment values = arena.allocate(bytes, 64);
      MemorySegment indices = arena.allocate(bytes, 64);
      step.run(scores, values, indices, rows);
      MemorySegment launchedValues = arena.allocate(bytes, 64).fill((byte) 0x5C);
      MemorySegment launchedIndices = arena.allocate(bytes, 64).fill((byte) 0x5C);
      long best = machine.place(launchedValues);
      long places = machine.place(launchedIndices);
      step.prepare(call, machine.place(scores), best, places, rows);
      machine.run(call);
      machine.fetch(best, launchedValues);
      machine.fetch(places, launchedIndices);
      assertThat(launchedIndices.toArray(ValueLayout.JAVA_INT))
          .as("%s, seed %d", text, SEED)
          .isEqualTo(indices.toArray(ValueLayout.JAVA_INT));
      boolean softmax = step.stage().kind() == OutputStage.Kind.SOFTMAX_TOPK;
      double tolerance = softmax ? TopK.tolerance(columns) : 0;
      for (int i = 0; i < rows * step.stage().k(); i++) {
        float expected = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        float actual = launchedValues.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        assertThat(Float.isNaN(actual)).as("%s, %d", text, i).isEqualTo(Float.isNaN(expected));
        if (!Float.isNaN(expected)) {
          assertThat((double) actual)
              .as("%s, value %d, seed %d", text, i, SEED)
              .isCloseTo(expected, within(tolerance * expected + 0.0));
        }
      }
    }
  }
}
