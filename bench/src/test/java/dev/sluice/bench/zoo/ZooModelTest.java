package dev.sluice.bench.zoo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Holds the committed models and cards against what ONNX Runtime makes of them. */
class ZooModelTest {
  /**
   * Scores of engines may be this far apart; samples whose best two are closer may go either way.
   */
  private static final double ROUNDING = 1e-3;

  /** Drawn once, for all tests. */
  private static final Map<ZooModel, Samples> HELD_OUT = new EnumMap<>(ZooModel.class);

  @ParameterizedTest
  @EnumSource
  void scoresWhatItsCardSays(ZooModel model) throws IOException {
    Samples heldOut = HELD_OUT.computeIfAbsent(model, ZooModel::heldOut);
    float[][] scores = OrtScores.of(model.onnx(), heldOut);
    int correct = 0;
    int close = 0;
    for (int i = 0; i < scores.length; i++) {
      float[] sorted = scores[i].clone();
      Arrays.sort(sorted);
      float best = sorted[sorted.length - 1];
      correct += scores[i][heldOut.labels()[i]] == best ? 1 : 0;
      close += best - sorted[sorted.length - 2] < 2 * ROUNDING ? 1 : 0;
    }
    Properties card = model.card();
    int expected = Integer.parseInt(card.getProperty("heldout.correct"));
    assertThat(close).isLessThan(20);
    assertThat(correct).isBetween(expected - close, expected + close);
    assertThat(heldOut.count())
        .isGreaterThanOrEqualTo(5000)
        .isEqualTo(Integer.parseInt(card.getProperty("heldout.samples")));
    assertThat((double) correct / heldOut.count()).isBetween(0.90, 0.99);
  }

  @ParameterizedTest
  @EnumSource
  void takesAnyNumberOfTheRowsThatItsSamplesAre(ZooModel model) throws IOException {
    byte[] bytes = model.onnx();
    ModelProto onnx = ModelProto.parseFrom(bytes);
    assertThat(bytes.length).isLessThan(1_000_000);
    assertThat(onnx.getOpsetImport(0).getVersion()).isEqualTo(17);
    assertThat(onnx.getGraph().getInputCount()).isOne();
    assertThat(onnx.getGraph().getOutputCount()).isOne();
    Samples samples = model.calibration(3);
    ValueInfoProto input = onnx.getGraph().getInput(0);
    assertThat(input.getName()).isEqualTo(samples.input());
    assertThat(input.getType().getTensorType().getElemType()).isEqualTo(samples.type().code());
    assertThat(dims(input))
        .isEqualTo(
            Stream.concat(
                    Stream.of(OnnxGraph.BATCH),
                    Arrays.stream(samples.rowShape()).mapToObj(Long::toString))
                .toList());
    assertThat(onnx.getGraph().getOutput(0).getName()).isEqualTo("logits");
    assertThat(dims(onnx.getGraph().getOutput(0))).hasSize(2).startsWith(OnnxGraph.BATCH);
  }

  @Test
  void hasTheOperatorsThatQuantizationMeets() throws IOException {
    assertThat(operators(ZooModel.SEPARABLE)).contains("Conv", "Clip", "GlobalAveragePool");
    assertThat(operators(ZooModel.LSTM)).contains("LSTM", "Gemm");
    assertThat(operators(ZooModel.ENCODER))
        .contains("Gather", "MatMul", "Softmax", "LayerNormalization", "Erf", "ReduceMean");
  }

  @ParameterizedTest
  @EnumSource
  void samplesComeOutAgainAndCalibrationIsNotHeldOut(ZooModel model) {
    Samples few = model.calibration(40);
    Samples more = model.calibration(70);
    Samples heldOut = HELD_OUT.computeIfAbsent(model, ZooModel::heldOut);
    assertThat(few.count()).isEqualTo(40);
    assertThat(few.row(0).byteSize() * 40).isEqualTo(few.data().byteSize());
    for (int i = 0; i < few.count(); i++) {
      assertThat(more.row(i).mismatch(few.row(i))).isEqualTo(-1);
      assertThat(more.labels()[i]).isEqualTo(few.labels()[i]);
      assertThat(heldOut.row(i).mismatch(few.row(i))).isNotEqualTo(-1);
    }
    assertThat(Arrays.stream(heldOut.labels()).boxed().collect(Collectors.groupingBy(l -> l)))
        .allSatisfy((_, group) ->
            assertThat(group)
                .hasSize(heldOut.count() / (1 + Arrays.stream(heldOut.labels()).max().orElse(0))));
    assertThat(few.data().address() % ValueLayout.JAVA_LONG.byteAlignment()).isZero();
    assertThatThrownBy(() -> model.calibration(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least one");
  }

  private static List<String> operators(ZooModel model) throws IOException {
    return ModelProto.parseFrom(model.onnx()).getGraph().getNodeList().stream()
        .map(NodeProto::getOpType)
        .distinct()
        .toList();
  }

  private static List<String> dims(ValueInfoProto value) {
    return value.getType().getTensorType().getShape().getDimList().stream()
        .map(dim -> dim.hasDimParam() ? dim.getDimParam() : Long.toString(dim.getDimValue()))
        .toList();
  }
}
