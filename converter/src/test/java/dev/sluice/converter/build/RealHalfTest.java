package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BFLOAT16;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.FLOAT16;
import static dev.sluice.bindings.ElementType.INT32;
import static dev.sluice.bindings.ElementType.INT64;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.precision.HalfEmulation;
import dev.sluice.converter.precision.HalfPrecision;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Real models in 16 bits, emulated, against the same in FLOAT. */
class RealHalfTest {
  private static final long SEED = 20261126;

  @TempDir private Path folder;

  private Graph emulated(TypedModel model, ElementType type) throws IOException {
    HalfPrecision half = new HalfPrecision(type, Set.of(), false);
    return HalfEmulation.of(half.apply(model.graph(), model.weights()).graph(), model.weights());
  }

  @Test
  void photographsAreRecognized() throws Exception {
    TypedModel model =
        TypedModel.read(RealModels.file("squeezenet_fp32/squeezenet_fp32_dynbatch.onnx"), folder);
    Graph emulated = emulated(model, FLOAT16);
    List<String> lines = Files.readAllLines(RealModels.file("images/labels.tsv"));
    for (String line : lines.subList(1, 9)) {
      Path photograph = RealModels.file("images/" + line.split("\t", -1)[0]);
      PlainTensor x =
          PlainTensor.of(
              FLOAT,
              Shape.of(1, 3, 224, 224),
              MemorySegment.ofArray(RealAnswersTest.squeezeNetInput(photograph)));
      PlainTensor expected = model.run(model.graph(), List.of(x)).getFirst();
      PlainTensor actual = model.run(emulated, List.of(x)).getFirst();
      assertThat(TypedModel.sqnrDb(expected, actual)).as(line).isBetween(40.0, 90.0);
      assertThat(best(actual)).as(line).isEqualTo(best(expected));
    }
  }

  private static int best(PlainTensor scores) {
    float[] numbers = scores.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    int best = 0;
    for (int i = 1; i < numbers.length; i++) {
      best = numbers[i] > numbers[best] ? i : best;
    }
    return best;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          tribuo_mnist_cnn/cnn_mnist.onnx              | 40
          mnist8/mnist8.onnx                           | 40
          super_resolution_10/super_resolution_10.onnx | 40
          ultraface_rfb320/version-RFB-320.onnx        | 40
          tribuo_bert/tinybert.onnx                    | 40
          magika/magika_standard_v3_3.onnx             | 40
          basic_pitch/nmp.onnx                         | 30
          dtln/dtln_model_1.onnx                       | 40
          dtln/dtln_model_2.onnx                       | 40
          gtcrn/gtcrn_simple.onnx                      | 40
          """)
  void answersStay(String file, double leastDb) throws Exception {
    TypedModel model = TypedModel.read(RealModels.file(file), folder);
    List<PlainTensor> inputs = new ArrayList<>();
    for (String name : model.graph().inputs()) {
      inputs.add(sample(model.graph().type(name)));
    }
    List<PlainTensor> expected = model.run(model.graph(), inputs);
    for (ElementType type : List.of(FLOAT16, BFLOAT16)) {
      if (type == BFLOAT16 && model.graph().opset() < 13) {
        continue;
      }
      List<PlainTensor> actual = model.run(emulated(model, type), inputs);
      for (int i = 0; i < expected.size(); i++) {
        if (expected.get(i).type() == FLOAT) {
          // BFLOAT16 has 3 bits less, 18 dB.
          assertThat(TypedModel.sqnrDb(expected.get(i), actual.get(i)))
              .as("%s of %s, seed %d", model.graph().outputs().get(i), type, SEED)
              .isGreaterThan(type == FLOAT16 ? leastDb : leastDb - 18);
        }
      }
    }
  }

  private static PlainTensor sample(OnnxModel.Value value) {
    long[] dims = new long[value.dims().size()];
    for (int axis = 0; axis < dims.length; axis++) {
      long extent = value.dims().get(axis).extent();
      dims[axis] = extent >= 0 ? extent : axis == 0 ? 2 : 16;
    }
    if (value.type() == FLOAT) {
      return PlainTensor.normal(SEED, dims);
    }
    assertThat(value.type()).isIn(INT64, INT32);
    if (value.type() == INT64) {
      return PlainTensor.numbers(SEED, 2, dims);
    }
    Random random = new Random(SEED);
    int[] numbers = random.ints(Shape.of(dims).elementCount(), 0, 256).toArray();
    return PlainTensor.of(INT32, Shape.of(dims), MemorySegment.ofArray(numbers));
  }
}
