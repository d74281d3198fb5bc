package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static dev.sluice.converter.build.PlainTensor.normal;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.HandleLedger;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.OpsetUpgrade;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.FunctionProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Raising the operator set of whole models: their inputs, functions, domains, and refusals. */
class OpsetUpgradeFormsTest {
  private static final long SEED = 7;

  @AfterEach
  void nothingIsLeftOpen() {
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  /** Exporters compute the shapes of attention, of which ONNX Runtime infers not even a rank. */
  @Test
  void theLastAxisIsFoundBehindAComputedShape() throws Exception {
    ModelProto model =
        new OnnxGraphs()
            .opset(11)
            .input("x", FLOAT, "N", "L", 12)
            .output("y", FLOAT, "N", 3, "L", "L")
            .numbers("heads", 3, 4)
            .numbers("ends", 0)
            .numbers("middle", 2)
            .node("Shape", List.of("x"), List.of("s"))
            .node("Slice", List.of("s", "ends", "middle"), List.of("rows"))
            .node("Concat", List.of("rows", "heads"), List.of("shape"), integer("axis", 0))
            .node("Reshape", List.of("x", "shape"), List.of("split"))
            .node("Transpose", List.of("split"), List.of("q"), integers("perm", 0L, 2L, 1L, 3L))
            .node("Transpose", List.of("split"), List.of("k"), integers("perm", 0L, 2L, 3L, 1L))
            .node("MatMul", List.of("q", "k"), List.of("scores"))
            .node("Softmax", List.of("scores"), List.of("y"), integer("axis", 3))
            .model();
    assertThat(Graph.of(model).type("scores").isRanked()).isFalse();
    Rewrite.Result result = OpsetUpgrades.proven(model, List.of(normal(SEED, 2, 5, 12)));
    assertThat(result.changes()).containsExactly("raised the operator set from 11 to 13");
  }

  /** Version 3 of the format lists constants as inputs, which callers may override later on. */
  @Test
  void constantsAreNoInputsAnyMore() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .opset(8)
            .irVersion(3)
            .input("x", FLOAT, "N", 20)
            .input("w", FLOAT, 20, 6)
            .output("y", FLOAT, "N", 6)
            .weights("w", SEED, 20, 6)
            .node("MatMul", List.of("x", "w"), List.of("y"));
    ModelProto later =
        OpsetUpgrades.proven(graph.model(), List.of(normal(SEED, 2, 20))).graph().model();
    assertThat(later.getIrVersion()).isEqualTo(7);
    assertThat(later.getGraph().getInputList()).extracting(i -> i.getName()).containsExactly("x");
    ModelProto overridable = OpsetUpgrades.of(graph.irVersion(4).model(), 13).graph().model();
    assertThat(overridable.getGraph().getInputCount()).as("was so by intent").isEqualTo(2);
    ModelProto newer = OpsetUpgrades.of(graph.irVersion(8).model(), 13).graph().model();
    assertThat(newer.getIrVersion()).isEqualTo(8);
  }

  @Test
  void laterModelsStayAsTheyAre() throws Exception {
    for (int version : List.of(13, 14, 17)) {
      ModelProto model = OnnxGraphs.matMul(6).opset(version).irVersion(3).model();
      Graph graph = Graph.of(model);
      Rewrite.Result result = new OpsetUpgrade(OpsetUpgrades.FILE, 13).apply(graph, null);
      assertThat(result.graph()).isSameAs(graph);
      assertThat(result.changes()).isEmpty();
    }
  }

  @Test
  void onlyTheDefaultDomainIsRaisedAndEqualConstantsAreOne() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .opset(9)
            .domain("com.microsoft", 1)
            .domain("ai.onnx.ml", 1)
            .input("x", FLOAT, "N", 6)
            .output("y", FLOAT, "N", 6)
            .node("Clip", List.of("x"), List.of("a"), decimal("min", 0), decimal("max", 6))
            .named("gelu", "com.microsoft::Gelu", List.of("a"), List.of("a_min"))
            .node("Clip", List.of("a_min"), List.of("y"), decimal("min", 0), decimal("max", 6));
    Rewrite.Result result = OpsetUpgrades.proven(graph.model(), List.of(normal(SEED, 2, 6)));
    assertThat(result.graph().model().getOpsetImportList())
        .extracting(set -> set.getDomain() + " " + set.getVersion())
        .containsExactlyInAnyOrder("com.microsoft 1", "ai.onnx.ml 1", " 13");
    assertThat(result.graph().initializers().keySet()).containsExactly("a_min_1", "a_max");
    assertThat(result.graph().nodes().get(1).getName()).isEqualTo("gelu");
  }

  @Test
  void aModelWithoutStandardNodesGetsTheOperatorSet() throws Exception {
    ModelProto model =
        new OnnxGraphs()
            .domain("com.microsoft", 1)
            .input("x", FLOAT, "N", 6)
            .output("y", FLOAT, "N", 6)
            .named("gelu", "com.microsoft::Gelu", List.of("x"), List.of("y"))
            .model();
    ModelProto none = model.toBuilder().removeOpsetImport(1).build();
    assertThat(none.getOpsetImportList()).extracting(set -> set.getDomain()).doesNotContain("");
    OpsetUpgrades.proven(none, List.of(normal(SEED, 2, 6)));
  }

  private static FunctionProto function(long opset, String op) {
    return FunctionProto.newBuilder()
        .setName("own")
        .setDomain("own")
        .addInput("v")
        .addOutput("w")
        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset))
        .addNode(NodeProto.newBuilder().setOpType(op).setName("n").addInput("v").addOutput("w"))
        .build();
  }

  private static ModelProto calls(FunctionProto function) {
    return new OnnxGraphs()
        .opset(11)
        .domain("own", 1)
        .function(function)
        .input("x", FLOAT, 2, 3, 4)
        .output("y", FLOAT, 2, 3, 4)
        .node("Softmax", List.of("x"), List.of("s"))
        .named("call", "own::own", List.of("s"), List.of("y"))
        .model();
  }

  @Test
  void functionsAreRaisedWhereTheirNodesStayTheSame() throws Exception {
    List<PlainTensor> inputs = List.of(normal(SEED, 2, 3, 4));
    ModelProto later = OpsetUpgrades.proven(calls(function(11, "Neg")), inputs).graph().model();
    assertThat(later.getFunctions(0).getOpsetImport(0).getVersion()).isEqualTo(13);
    OpsetUpgrades.refuses(
        calls(function(11, "Softmax")),
        "the node 'n' (Softmax) of the function 'own' has another form in operator set 13");
  }

  private static OnnxGraphs vector(int opset) {
    return new OnnxGraphs().opset(opset).input("x", FLOAT, 4).output("y", FLOAT, 4);
  }

  @Test
  void theNodeThatCantBeRaisedIsNamed() {
    OpsetUpgrades.refuses(
        vector(6).node("Relu", List.of("x"), List.of("y")).model(),
        "the node 'Relu0' (Relu) is of version 6, and below 7 none is raised");
    OpsetUpgrades.refuses(
        vector(9)
            .output("mask", FLOAT, 4)
            .node("Dropout", List.of("x"), List.of("y", "mask"))
            .model(),
        "the node 'Dropout0' (Dropout) has its mask 'mask' taken");
    OpsetUpgrades.refuses(
        vector(9)
            .node("Affine", List.of("x"), List.of("y"), decimal("alpha", 2), decimal("beta", 1))
            .model(),
        "the node 'Affine0' (Affine) is an experiment that the standard dropped");
  }

  /** What ONNX Runtime has no more, it says itself. */
  @Test
  void whatOnnxRuntimeRefusesIsRefused() {
    OpsetUpgrades.refuses(
        new OnnxGraphs()
            .opset(8)
            .input("x", FLOAT, 1, 2, 3, 4)
            .output("y", FLOAT, 1, 2, 3, 4)
            .node(
                "MeanVarianceNormalization",
                List.of("x"),
                List.of("y"),
                integer("across_channels", 1))
            .model(),
        "ONNX Runtime refuses it there: ");
  }

  /** Inputs of seeded numbers; extents that are open are 2. */
  private static List<PlainTensor> inputs(OnnxModel model) {
    List<PlainTensor> inputs = new ArrayList<>();
    for (OnnxModel.Value input : model.inputs()) {
      long[] dims =
          input.dims().stream().mapToLong(dim -> dim.extent() < 0 ? 2 : dim.extent()).toArray();
      inputs.add(
          switch (input.type()) {
            case FLOAT -> normal(SEED, dims);
            case FLOAT16 -> halves(normal(SEED, dims));
            default -> PlainTensor.numbers(SEED, 2, dims);
          });
    }
    return inputs;
  }

  private static PlainTensor halves(PlainTensor floats) {
    float[] values = floats.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    int[] halves = new int[values.length];
    for (int i = 0; i < halves.length; i++) {
      halves[i] = Float.floatToFloat16(values[i]);
    }
    return OperatorCase.shorts(ElementType.FLOAT16, floats.shape(), halves);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mnist8/mnist8.onnx",
        "super_resolution_10/super_resolution_10.onnx",
        "squeezenet_fp16/SqueezeNet_fp16.onnx",
        "ultraface_rfb320/version-RFB-320.onnx",
        "dtln/dtln_model_1.onnx",
        "dtln/dtln_model_2.onnx",
        "gtcrn/gtcrn.onnx",
        "gtcrn/gtcrn_simple.onnx",
        "tribuo_mnist_cnn/cnn_mnist.onnx",
        "tribuo_bert/tinybert.onnx",
      })
  void realModelsAnswerTheSame(String name) throws Exception {
    Path file = RealModels.file(name);
    OnnxModel model = ModelReader.read(file, Files.readAllBytes(file));
    Graph later = OpsetUpgrades.proven(model.proto(), inputs(model)).graph();
    assertThat(later.nodes())
        .as("each Softmax is one over the last axis, or over channels of one pixel")
        .noneMatch(node -> node.getOutput(0).endsWith("_flat"));
  }
}
