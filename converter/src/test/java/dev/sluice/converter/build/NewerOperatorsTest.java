package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.ModelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Operators that came or changed after opset 17, where the standard's tests of {@link
 * OnnxStandardTest} end: as a package they give what plain arithmetic says, or else what ONNX
 * Runtime alone makes of the model.
 */
class NewerOperatorsTest {
  /** Both sides run the same kernels; a plain sum may be ordered otherwise. */
  private static final double TOLERANCE = 1e-5;

  static final List<OperatorCase> CASES = NewerOperators.all();

  @TempDir Path folder;

  @ParameterizedTest
  @FieldSource("CASES")
  void aPackageGivesWhatTheModelGives(OperatorCase each) throws Exception {
    Path model = each.graph().write(folder.resolve("m.onnx"));
    Path file = folder.resolve("p.sluice");
    byte[] bytes = Files.readAllBytes(model);
    if (each.refusal() != null) {
      assertThatThrownBy(() -> ModelRuns.direct(bytes, List.of(each.inputs())))
          .isInstanceOf(NativeException.class);
      assertThatThrownBy(() -> ModelBuilder.build(model, file, BuildOptions.defaults()))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("ONNX Runtime refuses the model")
          .hasMessageContaining(each.refusal());
      return;
    }
    List<PlainTensor> direct = ModelRuns.direct(bytes, List.of(each.inputs())).getFirst();
    List<PlainTensor> expected = each.expected().isEmpty() ? direct : each.expected();
    assertThat(differences(direct, expected)).as("by ONNX Runtime alone").isEmpty();
    BuildResult built = ModelBuilder.build(model, file, BuildOptions.defaults());
    List<PlainTensor> packaged = ModelRuns.packaged(file, List.of(each.inputs())).getFirst();
    assertThat(differences(packaged, expected)).isEmpty();
    assertThat(built.manifest().batching().proven())
        .as(built.manifest().batching().reason())
        .isEqualTo(each.hasRows());
  }

  private static String differences(List<PlainTensor> actual, List<PlainTensor> expected) {
    StringBuilder text = new StringBuilder();
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      String difference = actual.get(i).difference(expected.get(i), TOLERANCE, TOLERANCE);
      if (difference != null) {
        text.append("output ").append(i).append(' ').append(difference);
      }
    }
    return text.toString();
  }
}
