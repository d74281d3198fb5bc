package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.OutputStage;
import dev.sluice.engine.stage.StagePlan;
import dev.sluice.engine.stage.InputStep;
import dev.sluice.engine.stage.OutputStep;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A trial run as callers see it: random images in the place of the inputs that stages fill, and
 * what the stages make of the outputs.
 *
 * <p>Thread safety: one thread.
 */
final class StagedSample {
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Of images that need not be larger, so that a package keeps them for its self-test. */
  private static final int MAX_SIDE = 512;

  private final StagePlan plan;
  private final List<SampleTensor> modelInputs;
  private final Map<String, SampleTensor> servedInputs = new LinkedHashMap<>();

  /**
   * A sample.
   *
   * @param inputs of the model; those that a stage fills are replaced
   * @param index samples of different indices have images of different sizes
   */
  StagedSample(StagePlan plan, List<SampleTensor> inputs, int index) {
    this.plan = plan;
    this.modelInputs = new ArrayList<>(inputs);
    List<TensorSpec> served = plan.served().inputs();
    for (int i = 0; i < served.size(); i++) {
      if (plan.modelInput(i) >= 0) {
        servedInputs.put(served.get(i).name(), inputs.get(plan.modelInput(i)));
      } else if (plan.images(i) != null) {
        images(plan.images(i), index);
      }
    }
  }

  private void images(InputStep step, int index) {
    InputStage stage = step.stage();
    Shape shape = modelInputs.get(step.model()).shape();
    int count = Math.toIntExact(shape.dim(0));
    // The products of these heights and widths fit in any combination.
    int height = stage.anySize() && index % 2 == 0 ? Math.ceilDiv(stage.sourceHeight(), 2) : 0;
    int width = stage.anySize() && index % 2 == 1 ? Math.ceilDiv(stage.sourceWidth(), 3) : 0;
    height = height == 0 ? stage.sourceHeight() : height;
    width = width == 0 ? stage.sourceWidth() : width;
    if (stage.anySize()) {
      height = Math.min(height, MAX_SIDE);
      width = Math.min(width, MAX_SIDE);
    }
    byte[] sizes = new byte[count * 2 * Integer.BYTES];
    for (int n = 0; n < count; n++) {
      MemorySegment.ofArray(sizes).set(I32, n * 8L, height);
      MemorySegment.ofArray(sizes).set(I32, n * 8L + 4, width);
    }
    int imageBytes = height * width * stage.channels();
    byte[] pixels = new byte[Math.multiplyExact(count, imageBytes)];
    new SplittableRandom(index + 1).nextBytes(pixels);
    List<TensorSpec> specs = stage.served(count);
    TensorSpec spec = specs.getFirst();
    if (stage.anySize()) {
      spec = new TensorSpec(spec.name(), spec.type(), Shape.of(count, imageBytes));
      servedInputs.put(stage.tensor(), tensor(spec, pixels));
      servedInputs.put(stage.sizeTensor(), tensor(specs.getLast(), sizes));
    } else {
      servedInputs.put(stage.tensor(), tensor(spec, pixels));
    }
    byte[] filled = new byte[Math.toIntExact(stage.type().byteSize(shape.elementCount()))];
    SampleTensor input = new SampleTensor(stage.type(), shape, MemorySegment.ofArray(filled));
    for (int n = 0; n < count; n++) {
      step.run(
          MemorySegment.ofArray(pixels).asSlice((long) n * imageBytes, imageBytes),
          stage.anySize() ? MemorySegment.ofArray(sizes).asSlice(n * 8L, 8) : null,
          input.row(n),
          1);
    }
    modelInputs.set(step.model(), input);
  }

  private static SampleTensor tensor(TensorSpec spec, byte[] bytes) {
    return new SampleTensor(spec.type(), spec.shape(), MemorySegment.ofArray(bytes));
  }

  /** What the model gets. */
  List<SampleTensor> modelInputs() {
    return modelInputs;
  }

  /**
   * What callers give, by name, in the order of the served signature; rows of images of sizes of
   * their own end with the image.
   */
  Map<String, SampleTensor> servedInputs() {
    return servedInputs;
  }

  /**
   * What callers get, by name, in the order of the served signature.
   *
   * @param outputs of the model
   * @param margin where scores are closer than this, the output that ranks them is left out
   */
  Map<String, SampleTensor> servedOutputs(List<SampleTensor> outputs, RankMargin margin) {
    SampleTensor[] all = new SampleTensor[plan.served().outputs().size()];
    for (int i = 0; i < all.length; i++) {
      all[i] = plan.modelOutput(i) < 0 ? null : outputs.get(plan.modelOutput(i));
    }
    for (OutputStep step : plan.outputs()) {
      OutputStage stage = step.stage();
      SampleTensor scores = outputs.get(step.model());
      int rows = Math.toIntExact(scores.shape().elementCount() / stage.columns());
      List<TensorSpec> specs = stage.served(rows);
      int first = Math.min(step.values(), step.indices());
      for (int i = 0; i < specs.size(); i++) {
        all[first + i] = tensor(specs.get(i), new byte[rows * stage.k() * Integer.BYTES]);
      }
      step.run(scores.data(), all[step.values()].data(), all[step.indices()].data(), rows);
      if (!ranked(stage, scores, rows, margin)) {
        all[step.indices()] = null;
      }
    }
    Map<String, SampleTensor> served = new LinkedHashMap<>();
    for (int i = 0; i < all.length; i++) {
      if (all[i] != null) {
        served.put(plan.served().outputs().get(i).name(), all[i]);
      }
    }
    return served;
  }

  private static boolean ranked(
      OutputStage stage, SampleTensor scores, int rows, RankMargin margin) {
    for (int row = 0; row < rows; row++) {
      float[] falling = new float[stage.columns()];
      for (int i = 0; i < falling.length; i++) {
        long at = (long) row * falling.length + i;
        falling[i] =
            stage.type() == ElementType.FLOAT
                ? -scores.data().get(F32, at * 4)
                : -Float.float16ToFloat(scores.data().get(I16, at * 2));
      }
      Arrays.sort(falling);
      for (int i = 0; i < falling.length; i++) {
        falling[i] = -falling[i];
      }
      if (!margin.holds(falling, stage.k())) {
        return false;
      }
    }
    return true;
  }
}
