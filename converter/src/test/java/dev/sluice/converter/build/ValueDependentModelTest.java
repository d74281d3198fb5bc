package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.stage.OutputStageSpec;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models whose shapes, or whose running at all, depend on the values of their inputs. */
class ValueDependentModelTest {
  @TempDir Path folder;

  private BuildResult build(OnnxGraphs graph, BuildOptions options) throws IOException {
    return ModelBuilder.build(
        graph.write(folder.resolve("m.onnx")), folder.resolve("p.sluice"), options);
  }

  private static PlainTensor floats(Shape shape) {
    float[] values = new float[(int) shape.elementCount()];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    return PlainTensor.of(FLOAT, shape, MemorySegment.ofArray(values));
  }

  private static PlainTensor longs(long... values) {
    return PlainTensor.of(INT64, Shape.of(values.length), MemorySegment.ofArray(values));
  }

  /** Takes a shape with 24 elements, and says that this is 4 x 6. */
  private static OnnxGraphs reshape() {
    return new OnnxGraphs()
        .input("x", FLOAT, 2, 3, 4)
        .input("shape", INT64, 2)
        .output("y", FLOAT, 4, 6)
        .node("Reshape", List.of("x", "shape"), List.of("y"));
  }

  @Test
  void aModelThatRefusesAllSamplesIsServedWithoutThem() throws Exception {
    BuildResult result = build(reshape(), BuildOptions.defaults());
    assertThat(result.noSelfTest()).contains("refuses every sample that was made up: Run(");
    assertThat(result.manifest().golden()).isEmpty();
    assertThat(result.manifest().batching().proven()).isFalse();
    PlainTensor x = floats(Shape.of(2, 3, 4));
    List<List<PlainTensor>> answers =
        ModelRuns.packaged(
            result.packageFile(), List.of(List.of(x, longs(4, 6)), List.of(x, longs(12, 2))));
    assertThat(answers.get(0).getFirst().difference(floats(Shape.of(4, 6)), 0, 0)).isNull();
    assertThat(answers.get(1).getFirst().difference(floats(Shape.of(12, 2)), 0, 0)).isNull();
  }

  @Test
  void aStageNeedsASample() {
    BuildOptions staged =
        BuildOptions.defaults().withOutputStage(OutputStageSpec.parse("y=argmax"));
    assertThatThrownBy(() -> build(reshape(), staged))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("the model does not run with inputs of");
  }

  @Test
  void aDeclaredShapeThatDependsOnValuesIsDropped() throws Exception {
    OnnxGraphs topK =
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4)
            .input("k", INT64, 1)
            .output("y", FLOAT, 1, 3)
            .output("i", INT64, 1, 3)
            .node("TopK", List.of("x", "k"), List.of("y", "i"));
    BuildResult result = build(topK, BuildOptions.defaults());
    assertThat(result.manifest().signature().outputs().getFirst().shape())
        .isEqualTo(Shape.of(Shape.DYNAMIC, Shape.DYNAMIC));
    List<List<PlainTensor>> answers =
        ModelRuns.packaged(
            result.packageFile(),
            List.of(
                List.of(floats(Shape.of(1, 4)), longs(3)),
                List.of(floats(Shape.of(1, 4)), longs(2))));
    assertThat(answers.get(0).getFirst().shape()).isEqualTo(Shape.of(1, 3));
    assertThat(answers.get(1).getFirst().shape()).isEqualTo(Shape.of(1, 2));
  }

  @Test
  void aDeclaredShapeThatHoldsStays() throws Exception {
    OnnxGraphs square =
        new OnnxGraphs()
            .input("x", FLOAT, 2, 2)
            .output("y", FLOAT, 2, 2)
            .node("MatMul", List.of("x", "x"), List.of("y"));
    assertThat(
            build(square, BuildOptions.defaults())
                .manifest()
                .signature()
                .outputs()
                .getFirst()
                .shape())
        .isEqualTo(Shape.of(2, 2));
  }

  @Test
  void aGoldenSampleThatIsRefusedIsLeftOut() throws Exception {
    OnnxGraphs dropout =
        new OnnxGraphs()
            .input("x", FLOAT, 3)
            .input("ratio", FLOAT)
            .output("y", FLOAT, 3)
            .node("Dropout", List.of("x", "ratio"), List.of("y"));
    BuildResult result = build(dropout, BuildOptions.defaults());
    PlainTensor ratio =
        PlainTensor.of(FLOAT, Shape.of(), MemorySegment.ofArray(new float[] {0.1f}));
    assertThat(
            ModelRuns.packaged(result.packageFile(), List.of(List.of(floats(Shape.of(3)), ratio)))
                .getFirst()
                .getFirst()
                .difference(floats(Shape.of(3)), 0, 0))
        .isNull();
  }

  @Test
  void anInputWithoutADeclaredRankIsServed() throws Exception {
    TypeProto unranked =
        TypeProto.newBuilder()
            .setTensorType(TypeProto.Tensor.newBuilder().setElemType(FLOAT.code()))
            .build();
    OnnxGraphs abs =
        new OnnxGraphs()
            .input("x", unranked)
            .output("y", unranked)
            .node("Abs", List.of("x"), List.of("y"));
    assertThatThrownBy(() -> build(abs, BuildOptions.defaults()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("the input 'x' has no declared shape; give one: --shape NAME=DIMS");
    BuildOptions shaped =
        BuildOptions.defaults()
            .withShape("x", List.of(BuildOptions.range("2"), BuildOptions.range("1:3:9")));
    PlainTensor x = floats(Shape.of(2, 5));
    List<List<PlainTensor>> answers =
        ModelRuns.packaged(build(abs, shaped).packageFile(), List.of(List.of(x)));
    assertThat(answers.getFirst().getFirst().difference(x, 0, 0)).isNull();
  }

  @Test
  void theProfileHasADynamicFirstAxisThatIsNoBatch() throws Exception {
    OnnxGraphs abs =
        new OnnxGraphs()
            .input("x", FLOAT, "length")
            .output("y", FLOAT, "length")
            .node("Abs", List.of("x"), List.of("y"));
    BuildOptions ranged =
        BuildOptions.defaults()
            .withoutBatching()
            .withShape("x", List.of(BuildOptions.range("1:3:9")));
    assertThat(build(abs, ranged).manifest().profile().shapes())
        .containsEntry("x", List.of(BuildOptions.range("1:3:9")));
  }
}
