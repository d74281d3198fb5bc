package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static dev.sluice.converter.build.OnnxGraphs.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.HandleLedger;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest.Range;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fixed batches that become dynamic, what is repaired for that, and what can't be. */
class DynamicBatchTest {
  private static final Range ROWS = new Range(1, 4, 8);

  @TempDir Path folder;

  @AfterEach
  void nothingIsLeftOpen() {
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  private BuildResult build(OnnxGraphs graph, BuildOptions options) throws IOException {
    Path file = folder.resolve("p.sluice");
    return ModelBuilder.build(graph.write(folder.resolve("m.onnx")), file, options);
  }

  private static List<String> changes(BuildResult result, String rewrite) {
    return result.rewrites().stream()
        .filter(report -> report.name().equals(rewrite))
        .map(Rewrite.Report::changes)
        .findFirst()
        .orElse(List.of());
  }

  /** Builds, and checks that the batch is dynamic and what was repaired for it. */
  private void dynamic(OnnxGraphs graph, String... repairs) throws IOException {
    BuildResult result = build(graph, BuildOptions.defaults().withRows(ROWS));
    assertThat(result.manifest().batching().proven())
        .as(result.manifest().batching().reason() + result.rewrites())
        .isTrue();
    assertThat(result.manifest().profile().rows()).isEqualTo(ROWS);
    assertThat(result.manifest().golden()).hasSize(2);
    assertThat(result.manifest().signature().inputs())
        .allSatisfy(input -> assertThat(input.shape().dim(0)).isEqualTo(Shape.DYNAMIC));
    assertThat(result.rewriteProof()).contains("gave what the model gave on 3 samples");
    List<String> changes = changes(result, "dynamic batch");
    assertThat(changes.getFirst()).startsWith("made axis 0 of ").contains("dynamic");
    assertThat(changes).hasSize(1 + repairs.length);
    for (int i = 0; i < repairs.length; i++) {
      assertThat(changes.get(i + 1)).contains(repairs[i]);
    }
  }

  private void refused(OnnxGraphs graph, String... words) {
    assertThatThrownBy(() -> build(graph, BuildOptions.defaults().withRows(ROWS)))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("m.onnx: the batch can't be made dynamic: ")
        .hasMessageContaining("without --batch")
        .satisfies(e -> assertThat(e.getMessage()).contains(words));
  }

  private static OnnxGraphs reshaped(long rows, long... shape) {
    return new OnnxGraphs()
        .input("x", FLOAT, (int) rows, 2, 6)
        .output("y", FLOAT, (int) rows, 4)
        .numbers("shape", shape)
        .weights("w", 1, 12, 4)
        .node("Reshape", List.of("x", "shape"), List.of("flat"))
        .node("MatMul", List.of("flat", "w"), List.of("y"));
  }

  @Test
  void reshapesToConstants() throws IOException {
    dynamic(reshaped(1, 1, 12), "'Reshape0' (Reshape): entry 0 of the shape became 0");
    dynamic(reshaped(1, 1, -1), "entry 0 of the shape became 0");
    dynamic(reshaped(4, 4, -1), "entry 0 of the shape became 0");
    dynamic(reshaped(4, 4, 12), "entry 0 of the shape became 0");
    dynamic(reshaped(1, 0, 12));
    dynamic(reshaped(1, -1, 12));
  }

  @Test
  void withoutBatchTheModelStaysAsItIs() throws IOException {
    BuildResult result = build(reshaped(1, 1, 12), BuildOptions.defaults());
    assertThat(result.manifest().batching().proven()).isFalse();
    assertThat(result.manifest().batching().reason())
        .isEqualTo(
            "input 'x' has the fixed extent 1 in axis 0; --batch MIN:OPT:MAX may make it dynamic");
    assertThat(result.manifest().signature().inputs().getFirst().shape())
        .isEqualTo(Shape.of(1, 2, 6));
    assertThat(changes(result, "dynamic batch")).isEmpty();
    result = build(reshaped(1, 1, 12), BuildOptions.defaults().withRows(new Range(1, 1, 1)));
    assertThat(result.manifest().batching().reason())
        .isEqualTo("input 'x' has the fixed extent 1 in axis 0");
  }

  @Test
  void inputsThatDifferHaveNoBatch() throws IOException {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4)
            .input("state", FLOAT, 2, 4)
            .output("y", FLOAT, 2, 4)
            .node("Add", List.of("x", "state"), List.of("y"));
    BuildResult result = build(graph, BuildOptions.defaults().withRows(ROWS));
    assertThat(result.manifest().batching().reason())
        .isEqualTo("input 'x' has the fixed extent 1 in axis 0");
  }

  /** As PyTorch exports an attention: heads are merged into the batch and out of it again. */
  @Test
  void headsThatAreMergedIntoTheBatch() throws IOException {
    dynamic(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4, 6)
            .output("y", FLOAT, 1, 4, 6)
            .numbers("split", 1, 4, 2, 3)
            .numbers("merged", 2, 4, 3)
            .numbers("heads", 1, 2, 4, 3)
            .numbers("whole", 1, 4, 6)
            .node("Reshape", List.of("x", "split"), List.of("a"))
            .node("Transpose", List.of("a"), List.of("b"), integers("perm", 0L, 2L, 1L, 3L))
            .node("Reshape", List.of("b", "merged"), List.of("q"))
            .node("Transpose", List.of("q"), List.of("k"), integers("perm", 0L, 2L, 1L))
            .node("MatMul", List.of("q", "k"), List.of("scores"))
            .node("Softmax", List.of("scores"), List.of("p"), integer("axis", -1))
            .node("MatMul", List.of("p", "q"), List.of("o"))
            .node("Reshape", List.of("o", "heads"), List.of("c"))
            .node("Transpose", List.of("c"), List.of("d"), integers("perm", 0L, 2L, 1L, 3L))
            .node("Reshape", List.of("d", "whole"), List.of("y")),
        "'Reshape0' (Reshape): entry 0 of the shape became 0",
        "'Reshape2' (Reshape): entry 0 of the shape became -1",
        "'Reshape7' (Reshape): entry 0 of the shape became -1",
        "'Reshape9' (Reshape): entry 0 of the shape became 0");
  }

  /** As a layer with the sequence first: the batch is axis 1, and inside of a merged axis. */
  @Test
  void aBatchBehindTheSequence() throws IOException {
    dynamic(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4, 6)
            .output("y", FLOAT, 1, 4, 5)
            .numbers("rows", 4, 6)
            .numbers("back", 4, 1, 5)
            .weights("w", 1, 6, 5)
            .node("Transpose", List.of("x"), List.of("t"), integers("perm", 1L, 0L, 2L))
            .node("Reshape", List.of("t", "rows"), List.of("m"))
            .node("MatMul", List.of("m", "w"), List.of("p"))
            .node("Reshape", List.of("p", "back"), List.of("b"))
            .node("Transpose", List.of("b"), List.of("y"), integers("perm", 1L, 0L, 2L)),
        "'Reshape1' (Reshape): entry 0 of the shape became -1",
        "'Reshape3' (Reshape): entry 1 of the shape became -1");
  }

  @Test
  void aSequenceThatStaysOpen() throws IOException {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 1, "length", 6)
            .output("y", FLOAT, 1, "length", 2, 3)
            .numbers("split", 1, -1, 2, 3)
            .node("Reshape", List.of("x", "split"), List.of("y"));
    BuildResult result = build(graph, BuildOptions.defaults().withRows(ROWS));
    assertThat(result.manifest().batching().proven())
        .as(result.manifest().batching().reason())
        .isTrue();
    assertThat(changes(result, "dynamic batch").getLast())
        .contains("entry 0 of the shape became 0");
  }

  @Test
  void shapesThatAreTakenFromTheValueNeedNoRepair() throws IOException {
    dynamic(
        shapeOf()
            .node("Gather", List.of("shape", "zero"), List.of("rows"))
            .node("Concat", List.of("rows", "rest"), List.of("s"), integer("axis", 0))
            .node("Reshape", List.of("x", "s"), List.of("y")));
  }

  @Test
  void shapesThatAreJoinedWithAConstantOne() throws IOException {
    dynamic(
        shapeOf()
            .numbers("one", 1)
            .numbers("two", 2)
            .node("Gather", List.of("shape", "two"), List.of("last"))
            .node("Div", List.of("last", "last"), List.of("unit"))
            .node("Mul", List.of("rest", "unit"), List.of("more"))
            .node("Concat", List.of("one", "more"), List.of("s"), integer("axis", 0))
            .node("Reshape", List.of("x", "s"), List.of("y")),
        "(Reshape): entry 0 of the shape became 0");
  }

  private static OnnxGraphs shapeOf() {
    return new OnnxGraphs()
        .input("x", FLOAT, 1, 2, 6)
        .output("y", FLOAT, 1, 12)
        .numbers("zero", 0)
        .numbers("rest", 12)
        .node("Shape", List.of("x"), List.of("shape"));
  }

  @Test
  void expandAndSliceOfAllRows() throws IOException {
    dynamic(
        new OnnxGraphs()
            .input("x", FLOAT, 2, 1, 4)
            .output("y", FLOAT, 2, 3, 4)
            .numbers("shape", 2, 3, 4)
            .numbers("start", 0, 0)
            .numbers("end", 2, 3)
            .numbers("axes", 0, 1)
            .node("Expand", List.of("x", "shape"), List.of("wide"))
            .node("Slice", List.of("wide", "start", "end", "axes"), List.of("y")),
        "'Expand0' (Expand): the batch's entry of the shape became 1",
        "'Slice1' (Slice): the end in the batch's axis is open");
  }

  /** As a vision transformer: a token that is the same for all rows comes ahead of the patches. */
  @Test
  void aConstantThatIsJoinedToEachRow() throws IOException {
    dynamic(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4, 6)
            .output("y", FLOAT, 1, 5, 6)
            .weights("token", 3, 1, 1, 6)
            .node("Concat", List.of("token", "x"), List.of("y"), integer("axis", 1)),
        "'Concat0' (Concat): what is the same for all rows is repeated for each");
  }

  @Test
  void theFirstStateOfARecurrentLayer() throws IOException {
    dynamic(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 5, 3)
            .output("y", FLOAT, 1, 5, 4)
            .weights("w", 1, 1, 16, 3)
            .weights("r", 2, 1, 16, 4)
            .weights("h", 3, 1, 1, 4)
            .weights("c", 4, 1, 1, 4)
            .numbers("direction", 1)
            .node("Transpose", List.of("x"), List.of("t"), integers("perm", 1L, 0L, 2L))
            .node(
                "LSTM",
                List.of("t", "w", "r", "", "", "h", "c"),
                List.of("states"),
                integer("hidden_size", 4))
            .node("Squeeze", List.of("states", "direction"), List.of("s"))
            .node("Transpose", List.of("s"), List.of("y"), integers("perm", 1L, 0L, 2L)),
        "'LSTM1' (LSTM): its first state has a row for each");
  }

  @Test
  void resizeToAConstantSize() throws IOException {
    dynamic(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 2, 3, 3)
            .output("y", FLOAT, 1, 2, 6, 6)
            .numbers("sizes", 1, 2, 6, 6)
            .node("Resize", List.of("x", "", "", "sizes"), List.of("y"), text("mode", "nearest")),
        "'Resize0' (Resize): the batch's entry of the sizes is the input's");
  }

  @Test
  void flattenAndSqueeze() throws IOException {
    dynamic(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 3, 4)
            .output("y", FLOAT, 1, 12)
            .node("Flatten", List.of("x"), List.of("y"), integer("axis", 0)),
        "'Flatten0' (Flatten): flattens from axis 1 on");
    dynamic(
        new OnnxGraphs()
            .input("x", FLOAT, 2, 1, 4)
            .output("y", FLOAT, 2, 4)
            .node("Squeeze", List.of("x"), List.of("y")),
        "'Squeeze0' (Squeeze): drops axes [1] by name");
  }

  @Test
  void attributesOfOldOperatorSets() throws IOException {
    dynamic(
        new OnnxGraphs()
            .opset(9)
            .input("x", FLOAT, 2, 3, 1, 4)
            .output("y", FLOAT, 2, 3, 4)
            .node(
                "Slice",
                List.of("x"),
                List.of("s"),
                integers("axes", 0L),
                integers("starts", 0L),
                integers("ends", 2L))
            .node("Squeeze", List.of("s"), List.of("y")),
        "(Slice): the end in the batch's axis is open",
        "(Squeeze): drops axes [2] by name");
  }

  @Test
  void refusesWhatTakesARowOutOfTheBatch() {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4)
            .output("y", FLOAT, 1, 4)
            .numbers("zero", 0)
            .node("Gather", List.of("x", "zero"), List.of("y"), integer("axis", 0)),
        "the node 'Gather0' (Gather) fixes the batch",
        "has the shape [1, 4] whatever the batch is");
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 4, 4)
            .output("y", FLOAT, 4, 4)
            .numbers("from", 0)
            .numbers("to", 2)
            .node("Slice", List.of("x", "from", "to"), List.of("half"))
            .node("Concat", List.of("half", "half"), List.of("y"), integer("axis", 0)),
        "the node 'Slice0' (Slice) fixes the batch: it takes the rows 0 to 2 of the batch only");
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 1, 4)
            .output("y", FLOAT, 4)
            .node("Squeeze", List.of("x"), List.of("y")),
        "the node 'Squeeze0' (Squeeze) fixes the batch: it drops every axis of extent 1");
  }

  @Test
  void refusesConstantsOfSeveralRows() {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 4, 6)
            .output("y", FLOAT, 4, 6)
            .weights("rows", 1, 4, 6)
            .node("Add", List.of("x", "rows"), List.of("y")),
        "the node 'Add0' (Add) fixes the batch: ONNX Runtime refuses it for 44 rows");
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 4, 2, 6)
            .output("y", FLOAT, 4, 3, 6)
            .weights("tokens", 1, 4, 1, 6)
            .node("Concat", List.of("x", "tokens"), List.of("y"), integer("axis", 1)),
        "the node 'Concat0' (Concat) fixes the batch: 'tokens' of the shape [4, 1, 6]");
  }

  @Test
  void refusesOutputsWithoutTheBatchInFront() {
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4)
            .output("y", FLOAT, 4, 1)
            .node("Transpose", List.of("x"), List.of("y"), integers("perm", 1L, 0L)),
        "the node 'Transpose0' (Transpose) fixes the batch: the output 'y' has the batch in axis 1");
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 2, 4)
            .output("y", FLOAT, 2, 4)
            .numbers("shape", 2, 4)
            .node("Reshape", List.of("x", "shape"), List.of("y")),
        "the output 'y' has the batch merged with other axes");
    refused(
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4)
            .output("y", FLOAT, 1, 1)
            .node("ReduceMean", List.of("x"), List.of("y")),
        "the node 'ReduceMean0' (ReduceMean) fixes the batch");
  }

  /** The shapes are right for any batch; the rows are not. */
  @Test
  void dropsWhatLetsRowsDependOnEachOther() throws IOException {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4)
            .output("y", FLOAT, 1, 4)
            .numbers("axis", 0)
            .node("CumSum", List.of("x", "axis"), List.of("y"));
    BuildResult result = build(graph, BuildOptions.defaults().withRows(ROWS));
    assertThat(result.manifest().batching().proven()).isFalse();
    assertThat(result.manifest().batching().reason())
        .startsWith("input 'x' has the fixed extent 1 in axis 0; made dynamic, output 'y' of a row")
        .contains("depends on the other rows");
    assertThat(changes(result, "dynamic batch"))
        .singleElement()
        .asString()
        .startsWith("dropped: output 'y' of a row depends");
    assertThat(result.manifest().signature().inputs().getFirst().shape()).isEqualTo(Shape.of(1, 4));
  }
}
