package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.bindings.onnxruntime.OrtValue;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The probe's network is a valid ONNX file, and its answers are right: ONNX Runtime agrees. */
class ProbeModelTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 5, ProbeModel.MAX_ROWS})
  void onnxRuntimeAnswersWithinTheBound(int rows) {
    ProbeModel model = new ProbeModel();
    for (long seed = 1; seed <= 20; seed++) {
      float[] x = ProbeModel.input(rows, seed);
      ProbeModel.Expected expected = model.expected(x);

      float[] actual = onnxRuntime(model.onnx(), x, rows);

      assertThat(actual).hasSize(expected.count());
      assertThat(expected.largestError(actual))
          .as("seed %d", seed)
          .isLessThanOrEqualTo(expected.tolerance());
    }
  }

  /** The bound is tight enough to tell 32-bit arithmetic from TF32, which rounds to ten bits. */
  @ParameterizedTest
  @ValueSource(ints = {1, 5, ProbeModel.MAX_ROWS})
  void whatTf32WouldAnswerIsOutsideTheBound(int rows) {
    ProbeModel model = new ProbeModel();
    for (long seed = 1; seed <= 20; seed++) {
      float[] x = ProbeModel.input(rows, seed);
      float[] rounded = new float[x.length];
      for (int i = 0; i < x.length; i++) {
        rounded[i] = Float.intBitsToFloat((Float.floatToIntBits(x[i]) + 0x1000) & ~0x1FFF);
      }
      ProbeModel.Expected expected = model.expected(x);

      assertThat(expected.largestError(onnxRuntime(model.onnx(), rounded, rows)))
          .as("seed %d", seed)
          .isGreaterThan(expected.tolerance());
    }
  }

  @Test
  void anAnswerThatIsNoNumberIsNotWithinTheBound() {
    ProbeModel.Expected expected = new ProbeModel().expected(ProbeModel.input(1, 1));
    float[] answers = new float[expected.count()];
    answers[0] = Float.NaN;

    assertThat(expected.largestError(answers) <= expected.tolerance()).isFalse();
  }

  private static float[] onnxRuntime(byte[] onnx, float[] x, int rows) {
    OrtEnvironment environment = OrtEnvironment.shared();
    try (Arena arena = Arena.ofConfined();
        OrtSession session =
            OrtSession.open(
                environment, MemorySegment.ofArray(onnx), OrtSessionOptions.defaults(), "probe");
        OrtValue input =
            OrtValue.tensor(
                environment,
                arena.allocateFrom(JAVA_FLOAT, x),
                ElementType.FLOAT,
                rows,
                ProbeModel.INPUT_WIDTH)) {
      List<OrtValue> outputs = session.run(List.of(input));
      try (OrtValue output = outputs.getFirst()) {
        assertThat(outputs).hasSize(1);
        return output.data().toArray(JAVA_FLOAT);
      }
    }
  }
}
