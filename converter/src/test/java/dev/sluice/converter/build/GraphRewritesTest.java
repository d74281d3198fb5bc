package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.HandleLedger;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is folded and dropped, what is left, and that a rewrite which changes answers is not kept.
 */
class GraphRewritesTest {
  private static final String FOLDING = "constant folding";
  private static final String NORM = "batch normalization folding";
  private static final String DEAD = "dead code";

  @TempDir Path folder;

  @AfterEach
  void nothingIsLeftOpen() {
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  private BuildResult build(OnnxGraphs graph) throws IOException {
    return build(graph.model());
  }

  private BuildResult build(ModelProto model) throws IOException {
    Path file = Files.write(folder.resolve("m.onnx"), model.toByteArray());
    Path out = Files.createDirectories(folder.resolve("out"));
    BuildResult result = ModelBuilder.build(file, out.resolve("p.sluice"), BuildOptions.defaults());
    try (Stream<Path> files = Files.list(out)) {
      assertThat(files).as("nothing else is left").hasSize(1);
    }
    assertThat(result.rewrites())
        .allSatisfy(
            report -> assertThat(report.changes()).noneMatch(c -> c.startsWith("dropped:")));
    return result;
  }

  private static List<String> changes(BuildResult result, String rewrite) {
    return result.rewrites().stream()
        .filter(report -> report.name().equals(rewrite))
        .map(Rewrite.Report::changes)
        .findFirst()
        .orElse(List.of());
  }

  private static List<String> operators(BuildResult result) throws IOException {
    try (SluicePackage opened = PackageReader.open(result.packageFile())) {
      byte[] graph = opened.graph(Manifest.CPU).toArray(ValueLayout.JAVA_BYTE);
      return ModelProto.parseFrom(graph).getGraph().getNodeList().stream()
          .map(NodeProto::getOpType)
          .toList();
    }
  }

  @Test
  void everyEdgeHasATypeAndAShape() throws IOException {
    Graph graph =
        Graph.of(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 3, 8, 8)
                .output("y", FLOAT, "N", 4)
                .weights("w", 1, 4, 3, 3, 3)
                .node("Conv", List.of("x", "w"), List.of("c"))
                .node("Relu", List.of("c"), List.of("r"))
                .node(
                    "ReduceMean",
                    List.of("r"),
                    List.of("y"),
                    OnnxGraphs.integers("axes", 2L, 3L),
                    integer("keepdims", 0))
                .model());
    assertThat(graph.type("c").type()).isEqualTo(FLOAT);
    assertThat(graph.type("c").dims())
        .containsExactly(
            new OnnxModel.Dim(-1, "N"),
            new OnnxModel.Dim(4, ""),
            new OnnxModel.Dim(6, ""),
            new OnnxModel.Dim(6, ""));
    assertThat(graph.type("y").shape()).isEqualTo(Shape.of(-1, 4));
    assertThat(graph.staticDims("w")).containsExactly(4, 3, 3, 3);
    assertThat(graph.producer("r")).isEqualTo(1);
    assertThat(graph.producer("x")).isEqualTo(-1);
    assertThat(graph.consumers("c")).containsExactly(1);
    assertThat(graph.type("nowhere")).isNull();
    assertThat(graph.has("w")).isTrue();
  }

  @Test
  void nodesAreSortedAndWhatIsUnknownStaysSo() throws IOException {
    Graph graph =
        Graph.of(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 4)
                .output("y", INT64, 2, "")
                .node("Identity", List.of("n"), List.of("y"))
                .node("NonZero", List.of("x"), List.of("n"))
                .model());
    assertThat(graph.nodes())
        .extracting(NodeProto::getOpType)
        .containsExactly("NonZero", "Identity");
    assertThat(graph.type("n").dims().get(1).extent()).isEqualTo(Shape.DYNAMIC);
    assertThat(graph.staticDims("n")).isNull();
  }

  @Test
  void whatNoOutputNeedsIsDropped() throws IOException {
    ModelProto model =
        OnnxGraphs.matMul(300)
            .weights("unused", 2, 500)
            .weights("bias", 3, 300)
            .node("Add", List.of("y", "bias"), List.of("a"))
            .node("Relu", List.of("a"), List.of("b"))
            .model();
    model =
        model.toBuilder()
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("own").setVersion(1))
            .addFunctions(
                FunctionProto.newBuilder()
                    .setName("twice")
                    .setDomain("own")
                    .addInput("v")
                    .addOutput("w")
                    .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
                    .addNode(
                        NodeProto.newBuilder()
                            .setOpType("Add")
                            .addInput("v")
                            .addInput("v")
                            .addOutput("w")))
            .build();
    BuildResult result = build(model);
    assertThat(changes(result, DEAD))
        .containsExactly(
            "dropped 'Add1' (Add), which no output needs",
            "dropped 'Relu2' (Relu), which no output needs",
            "dropped 2 constants that no node takes",
            "dropped 1 functions that no node calls");
    assertThat(operators(result)).containsExactly("MatMul");
    assertThat(result.manifest().weights().sizeBytes()).isEqualTo(20 * 300 * 4);
  }

  @Test
  void constantsBecomeInitializersAndResultsOfThemAreComputed() throws IOException {
    AttributeProto value =
        AttributeProto.newBuilder()
            .setName("value")
            .setType(AttributeProto.AttributeType.TENSOR)
            .setT(OnnxGraphs.matMul(6).model().getGraph().getInitializer(0))
            .build();
    BuildResult result =
        build(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 6)
                .output("y", FLOAT, "N", 20)
                .node("Constant", List.of(), List.of("c"), value)
                .node("Transpose", List.of("c"), List.of("t"))
                .node("MatMul", List.of("x", "t"), List.of("y")));
    assertThat(changes(result, FOLDING))
        .containsExactly(
            "computed 'Transpose1' (Transpose)", "1 Constant nodes became initializers");
    assertThat(operators(result)).containsExactly("MatMul");
    assertThat(result.manifest().parameters()).isEqualTo(120);
  }

  @Test
  void randomLargeAndQuantizedConstantsAreLeft() throws IOException {
    BuildResult result =
        build(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 200)
                .output("y", FLOAT, "N", 200)
                .output("noise", FLOAT, 2)
                .output("real", FLOAT, 4)
                .weights("w", 1, 200, 200)
                .weights("scale", 1)
                .initializer(
                    TensorProto.newBuilder()
                        .setName("q")
                        .setDataType(3)
                        .addDims(4)
                        .addAllInt32Data(List.of(1, 2, 3, 4))
                        .build())
                .node("Transpose", List.of("w"), List.of("t"))
                .node("MatMul", List.of("x", "t"), List.of("y"))
                .node(
                    "RandomNormal",
                    List.of(),
                    List.of("noise"),
                    OnnxGraphs.integers("shape", 2L),
                    decimal("seed", 1))
                .node("DequantizeLinear", List.of("q", "scale"), List.of("real")));
    assertThat(changes(result, FOLDING)).isEmpty();
    assertThat(operators(result))
        .containsExactly("Transpose", "MatMul", "RandomNormal", "DequantizeLinear");
  }

  private BuildResult folds(OnnxGraphs graph, String... operators) throws IOException {
    BuildResult result = build(graph);
    assertThat(changes(result, NORM)).hasSize(1);
    assertThat(operators(result)).containsExactly(operators);
    return result;
  }

  @Test
  void normalizationGoesIntoTheLayerAheadOfIt() throws IOException {
    BuildResult result =
        folds(
            new OnnxGraphs()
                .input("x", FLOAT, "N", 8, 6, 6)
                .output("y", FLOAT, "N", 16, 4, 4)
                .weights("w", 1, 16, 8, 3, 3)
                .weights("b", 2, 16)
                .node("Conv", List.of("x", "w", "b"), List.of("c"))
                .norm("c", "y", 3, 16),
            "Conv");
    assertThat(changes(result, NORM))
        .containsExactly("folded 'BatchNormalization1' (BatchNormalization) into 'Conv0' (Conv)");
    assertThat(result.rewriteProof()).contains("gave what the model gave");
    assertThat(result.manifest().weights().sizeBytes()).isEqualTo(16 * 8 * 9 * 4);
    assertThat(result.manifest().parameters()).isEqualTo(16 * 8 * 9 + 16);
    folds(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 4, 3, 3)
            .output("y", FLOAT, "N", 6, 5, 5)
            .weights("w", 1, 4, 3, 3, 3)
            .weights("b", 5, 6)
            .node("ConvTranspose", List.of("x", "w", "b"), List.of("c"), integer("group", 2))
            .norm("c", "y", 3, 6),
        "ConvTranspose");
    folds(
        OnnxGraphs.matMul(6)
            .output("z", FLOAT, "N", 5)
            .weights("v", 4, 5, 20)
            .weights("b", 5, 1, 5)
            .node(
                "Gemm",
                List.of("x", "v", "b"),
                List.of("g"),
                integer("transB", 1),
                decimal("alpha", 0.5f),
                decimal("beta", 2))
            .norm("g", "z", 6, 5),
        "MatMul",
        "Gemm");
    folds(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 7)
            .output("y", FLOAT, "N", 9)
            .weights("w", 1, 7, 9)
            .node("MatMul", List.of("x", "w"), List.of("m"))
            .norm("m", "y", 2, 9),
        "Gemm");
  }

  @Test
  void normalizationOfWhatOthersTakeTooIsLeft() throws IOException {
    OnnxGraphs output =
        new OnnxGraphs()
            .input("x", FLOAT, "N", 7)
            .output("y", FLOAT, "N", 9)
            .output("m", FLOAT, "N", 9)
            .weights("w", 1, 7, 9)
            .node("MatMul", List.of("x", "w"), List.of("m"))
            .norm("m", "y", 2, 9);
    assertThat(changes(build(output), NORM)).isEmpty();
    OnnxGraphs third =
        new OnnxGraphs()
            .input("x", FLOAT, "N", 9, 7)
            .output("y", FLOAT, "N", 9, 9)
            .weights("w", 1, 7, 9)
            .node("MatMul", List.of("x", "w"), List.of("m"))
            .norm("m", "y", 2, 9);
    assertThat(changes(build(third), NORM)).as("the channels are not the columns").isEmpty();
  }

  @Test
  void aModelThatIsNotTheSameTwiceIsLeftAsItIs() throws IOException {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 1, 4)
            .output("y", FLOAT, 1, 4)
            .weights("unused", 1, 4)
            .node("RandomNormalLike", List.of("x"), List.of("noise"))
            .node("Add", List.of("x", "noise"), List.of("y"));
    Path file = graph.write(folder.resolve("m.onnx"));
    BuildResult result =
        ModelBuilder.build(file, folder.resolve("p.sluice"), BuildOptions.defaults());
    assertThat(changes(result, DEAD))
        .containsExactly(
            "dropped: two runs of the model itself differ, so that nothing can be shown");
    assertThat(result.rewriteProof()).isNull();
  }

  private OnnxModel model(long seed) throws IOException {
    Path file = folder.resolve(seed + ".onnx");
    return ModelReader.read(
        new OnnxGraphs()
            .input("x", FLOAT, "N", 20)
            .output("y", FLOAT, "N", 6)
            .weights("w", seed, 20, 6)
            .node("MatMul", List.of("x", "w"), List.of("y"))
            .write(file));
  }

  private static OrtSession session(OnnxModel model) {
    return OrtSession.open(
        OrtEnvironment.shared(),
        MemorySegment.ofArray(model.proto().toByteArray()),
        OrtSessionOptions.defaults(),
        "model");
  }

  @Test
  void answersThatDifferAreNoticed() throws Exception {
    OnnxModel one = model(1);
    OnnxModel other = model(2);
    SampleShapes shapes = new SampleShapes(one.file(), one.inputs(), Map.of());
    Rewriting rewriting = new Rewriting(one, other, 1, List.of());
    try (OrtSession same = session(one);
        OrtSession wrong = session(other);
        Original original = new Original(session(one), rewriting, shapes, 1)) {
      assertThat(original.prove(new SampleRunner(same), 1e-4)).contains("on 3 samples");
      assertThatThrownBy(() -> original.prove(new SampleRunner(wrong), 1e-4))
          .isInstanceOf(RewriteFailedException.class)
          .hasMessageContaining("an output differs from the model's by");
    }
  }
}
