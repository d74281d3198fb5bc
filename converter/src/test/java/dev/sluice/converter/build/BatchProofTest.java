package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.HandleLedger;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.Manifest.Range;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each trap that was seen in the wild, and models on which batching does hold. */
class BatchProofTest {
  @TempDir Path folder;

  @AfterEach
  void nothingIsLeftOpen() {
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  private Manifest build(OnnxGraphs graph) throws IOException {
    return build(graph, BuildOptions.defaults());
  }

  private Manifest build(OnnxGraphs graph, BuildOptions options) throws IOException {
    Path file = folder.resolve("p.sluice");
    BuildResult result = ModelBuilder.build(graph.write(folder.resolve("m.onnx")), file, options);
    try (SluicePackage opened = PackageReader.open(file)) {
      opened.verify();
      assertThat(opened.manifest()).isEqualTo(result.manifest());
    }
    return result.manifest();
  }

  private Manifest refused(OnnxGraphs graph, String... expected) throws IOException {
    Manifest manifest = build(graph);
    assertThat(manifest.batching().proven()).as(manifest.batching().reason()).isFalse();
    assertThat(manifest.batching().reason()).contains(expected);
    assertThat(manifest.profile().rows()).isEqualTo(new Range(1, 1, 1));
    return manifest;
  }

  private Manifest proven(OnnxGraphs graph) throws IOException {
    Manifest manifest = build(graph);
    assertThat(manifest.batching().reason()).startsWith("2, 3 and 8 rows together gave");
    assertThat(manifest.batching().proven()).isTrue();
    assertThat(manifest.profile().rows()).isEqualTo(new Range(1, 16, 64));
    return manifest;
  }

  @Test
  void rowsThatAreIndependentAreBatched() throws IOException {
    Manifest manifest = proven(OnnxGraphs.matMul(6));
    assertThat(manifest.golden()).hasSize(2);
  }

  @Test
  void severalInputsAndOutputsAreBatched() throws IOException {
    Manifest manifest =
        proven(
            OnnxGraphs.matMul(6)
                .input("z", FLOAT, "N", 6)
                .output("sum", FLOAT, "N", 6)
                .output("argmax", INT64, "N")
                .node("Add", List.of("y", "z"), List.of("sum"))
                .node(
                    "ArgMax",
                    List.of("y"),
                    List.of("argmax"),
                    OnnxGraphs.integer("axis", 1),
                    OnnxGraphs.integer("keepdims", 0)));
    assertThat(manifest.signature().outputs()).hasSize(3);
  }

  @Test
  void aDynamicBatchThatRunsWithOneRowOnly() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 4)
            .output("y", FLOAT, "N", 2, 2)
            .numbers("shape", 1, 2, 2)
            .node("Reshape", List.of("x", "shape"), List.of("y")),
        "axis 0 is declared dynamic, but a run of 2 rows failed",
        "Reshape");
  }

  @Test
  void anOutputWithoutBatchAxis() throws IOException {
    refused(
        OnnxGraphs.matMul(6)
            .output("sum", FLOAT, 6)
            .node(
                "ReduceMax",
                List.of("y"),
                List.of("sum"),
                OnnxGraphs.integers("axes", 0L),
                OnnxGraphs.integer("keepdims", 0)),
        "output 'sum' has the shape [6] for one row, so axis 0 is not the batch");
  }

  private static OnnxGraphs recurrent(Object time, Object batch) {
    return new OnnxGraphs()
        .input("x", FLOAT, time, batch, 3)
        .output("h", FLOAT, 1, batch, 5)
        .weights("w", 1, 1, 5, 3)
        .weights("r", 2, 1, 5, 5)
        .node(
            "RNN", List.of("x", "w", "r"), List.of("", "h"), OnnxGraphs.integer("hidden_size", 5));
  }

  @Test
  void aBatchInAnotherAxisIsTold() throws IOException {
    String hint = "'batch' is in axis 1 of 'x' and in every other input and output";
    refused(recurrent(6, "batch"), "fixed extent 6 in axis 0", hint, "batch_first=True");
    refused(recurrent("time", "batch"), "so axis 0 is not the batch", hint);
    assertThat(refused(recurrent("time", ""), "axis 0").batching().reason())
        .doesNotContain("every other input");
  }

  @Test
  void anOutputThatIsAScalar() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 4)
            .output("y", FLOAT)
            .node("ReduceMean", List.of("x"), List.of("y"), OnnxGraphs.integer("keepdims", 0)),
        "output 'y' is a scalar");
  }

  @Test
  void anInputThatIsAScalar() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 4)
            .input("rate", INT64)
            .output("y", FLOAT, "N", 4)
            .node("Cast", List.of("rate"), List.of("f"), OnnxGraphs.integer("to", 1))
            .node("Add", List.of("x", "f"), List.of("y")),
        "input 'rate' is a scalar");
  }

  @Test
  void theBatchOnAxisOneOfAState() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 4)
            .input("state", FLOAT, 2, "N", 4)
            .output("y", FLOAT, 2, "N", 4)
            .node("Add", List.of("x", "state"), List.of("y")),
        "input 'state' has the fixed extent 2 in axis 0");
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", "N")
            .output("y", FLOAT, "N", "N")
            .node("Abs", List.of("x"), List.of("y")),
        "input 'x' has the batch in axis 1, too");
  }

  @Test
  void aSymbolicBatchOfTheOutputWhileTheInputIsFixed() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4)
            .output("y", FLOAT, "N", 4)
            .node("Abs", List.of("x"), List.of("y")),
        "input 'x' has the fixed extent 1 in axis 0");
  }

  @Test
  void aQuantizationWhoseRangeIsTheWholeBatch() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 20)
            .output("y", FLOAT, "N", 20)
            .node("DynamicQuantizeLinear", List.of("x"), List.of("q", "scale", "zero"))
            .node("DequantizeLinear", List.of("q", "scale", "zero"), List.of("y")),
        "output 'y' of a row depends on the other rows of its batch");
  }

  @Test
  void aMeanOverTheBatchThatIsSmallBesideTheRow() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 20)
            .output("y", FLOAT, "N", 20)
            .node("ReduceMean", List.of("x"), List.of("mean"), OnnxGraphs.integers("axes", 0L))
            .node("Tanh", List.of("mean"), List.of("bounded"))
            .numbers("hundred", 100)
            .node("Cast", List.of("hundred"), List.of("h"), OnnxGraphs.integer("to", 1))
            .node("Div", List.of("bounded", "h"), List.of("little"))
            .node("Add", List.of("x", "little"), List.of("y")),
        "of a row depends on the other rows");
  }

  @Test
  void aShapeThatDependsOnTheData() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 4)
            .output("y", INT64, 2, "")
            .node("NonZero", List.of("x"), List.of("y")),
        "output 'y' has a shape that depends on the data");
  }

  @Test
  void noise() throws IOException {
    Manifest manifest =
        refused(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 4)
                .output("y", FLOAT, "N", 4)
                .node("RandomNormalLike", List.of("x"), List.of("noise"))
                .node("Add", List.of("x", "noise"), List.of("y")),
            "of a row");
    assertThat(manifest.golden()).isEmpty();
  }

  @Test
  void noInputs() throws IOException {
    refused(
        new OnnxGraphs()
            .output("y", FLOAT, 2, 2)
            .weights("w", 1, 2, 2)
            .node("Abs", List.of("w"), List.of("y")),
        "the model has no inputs");
  }

  @Test
  void nothingButNaN() throws IOException {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 4)
            .output("y", FLOAT, "N", 4)
            .node("Sub", List.of("x", "x"), List.of("zero"))
            .node("Div", List.of("zero", "zero"), List.of("y")),
        "has no finite number");
  }

  @Test
  void zeroSizeDimensionsRun() throws IOException {
    Manifest manifest =
        build(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 0)
                .output("y", FLOAT, "N", 0)
                .node("Abs", List.of("x"), List.of("y")));
    assertThat(manifest.signature().inputs().getFirst().shape()).isEqualTo(Shape.of(-1, 0));
  }

  @Test
  void anOutputWithoutDeclaredShape() throws IOException {
    TypeProto bare =
        TypeProto.newBuilder().setTensorType(TypeProto.Tensor.newBuilder().setElemType(1)).build();
    Manifest manifest =
        proven(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 4)
                .output("y", bare)
                .node("Abs", List.of("x"), List.of("y")));
    assertThat(manifest.signature().outputs().getFirst().shape()).isEqualTo(Shape.of(-1, 4));
  }

  @Test
  void indicesThatMustBeSmall() throws IOException {
    Manifest manifest =
        proven(
            new OnnxGraphs()
                .input("ids", INT64, "N", "length")
                .output("y", FLOAT, "N", "length", 8)
                .weights("table", 2, 2, 8)
                .node("Gather", List.of("table", "ids"), List.of("y")));
    assertThat(manifest.profile().shapes().get("ids"))
        .containsExactly(new Range(1, 16, 64), new Range(16, 16, 64));
    Manifest zerosOnly =
        build(
            new OnnxGraphs()
                .input("ids", INT64, "N", 3)
                .output("y", FLOAT, "N", 3, 8)
                .weights("table", 2, 1, 8)
                .node("Gather", List.of("table", "ids"), List.of("y")));
    assertThat(zerosOnly.batching().proven()).isTrue();
  }

  @Test
  void theOptionsDecide() throws IOException {
    Manifest manifest = build(OnnxGraphs.matMul(6), BuildOptions.defaults().withoutBatching());
    assertThat(manifest.batching().proven()).isFalse();
    assertThat(manifest.batching().reason()).isEqualTo("batching was switched off");
    manifest = build(OnnxGraphs.matMul(6), BuildOptions.defaults().withRows(new Range(2, 4, 8)));
    assertThat(manifest.profile().rows()).isEqualTo(new Range(2, 4, 8));
    OnnxGraphs dynamic =
        new OnnxGraphs()
            .input("x", FLOAT, "N", "length")
            .output("y", FLOAT, "N", "length")
            .node("Abs", List.of("x"), List.of("y"));
    List<Range> dims = List.of(BuildOptions.range("1:2:4"), BuildOptions.range("5:7:9"));
    manifest = build(dynamic, BuildOptions.defaults().withShape("x", dims));
    assertThat(manifest.batching().reason()).contains("at x [1,7] and x [1,5] and x [1,9];");
    assertThat(manifest.profile().shapes().get("x").get(1)).isEqualTo(new Range(5, 7, 9));
  }
}
