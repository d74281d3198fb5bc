package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BOOL;
import static dev.sluice.bindings.ElementType.DOUBLE;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.converter.build.OnnxGraphs.body;
import static dev.sluice.converter.build.OnnxGraphs.decimal;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static dev.sluice.converter.build.PlainTensor.normal;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.HandleLedger;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TypeProto;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Raising the operator set of subgraphs: of branches, loops and scans. */
class OpsetUpgradeSubgraphsTest {
  private static final long SEED = 7;

  @AfterEach
  void nothingIsLeftOpen() {
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  private static TensorProto flag(boolean value) {
    return TensorProto.newBuilder()
        .setName("flag")
        .setDataType(BOOL.code())
        .addInt32Data(value ? 1 : 0)
        .build();
  }

  private static TensorProto count(long value) {
    return TensorProto.newBuilder()
        .setName("count")
        .setDataType(INT64.code())
        .addInt64Data(value)
        .build();
  }

  /** Takes values from outside, whose types are known there only. */
  private static OnnxGraphs branch(String suffix) {
    return new OnnxGraphs()
        .node("Clip", List.of("outside"), List.of("c" + suffix), decimal("min", -0.3f))
        .node("Softmax", List.of("c" + suffix), List.of("s" + suffix))
        .node(
            "Pad",
            List.of("s" + suffix),
            List.of("p" + suffix),
            integers("pads", 0L, 0L, 0L, 0L, 0L, 1L),
            decimal("value", 2))
        .output("p" + suffix, FLOAT, "", "", "");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void branchesAreRaised(boolean flag) throws Exception {
    ModelProto model =
        new OnnxGraphs()
            .opset(9)
            .input("x", FLOAT, 2, 3, 4)
            .output("y", FLOAT, "", "", "")
            .initializer(flag(flag))
            .node("Neg", List.of("x"), List.of("outside"))
            .node(
                "If",
                List.of("flag"),
                List.of("y"),
                body("then_branch", branch("t")),
                body("else_branch", branch("e")))
            .model();
    Rewrite.Result result = OpsetUpgrades.proven(model, List.of(normal(SEED, 2, 3, 4)));
    assertThat(result.changes())
        .containsExactly(
            "raised the operator set from 9 to 13",
            "'Clip0' (Clip) takes its bounds as inputs",
            "'Softmax1' (Softmax) goes over the elements that it did",
            "'Pad2' (Pad) takes its pads as an input",
            "'Clip0' (Clip) takes its bounds as inputs",
            "'Softmax1' (Softmax) goes over the elements that it did",
            "'Pad2' (Pad) takes its pads as an input");
    GraphProto branch =
        result.graph().nodes().stream()
            .filter(node -> node.getOpType().equals("If"))
            .findFirst()
            .orElseThrow()
            .getAttribute(0)
            .getG();
    assertThat(branch.getNodeList())
        .extracting(NodeProto::getOpType)
        .containsExactly("Clip", "Shape", "Flatten", "Softmax", "Reshape", "Pad");
    assertThat(branch.getInitializerList()).hasSize(3);
  }

  /** The inner body knows what it takes from the loop's body alone. */
  @Test
  void bodiesInsideOfBodiesAreRaised() throws Exception {
    OnnxGraphs inner =
        new OnnxGraphs()
            .node(
                "Pad",
                List.of("double"),
                List.of("k"),
                integers("pads", 1L, -1L),
                decimal("value", 0.4f))
            .output("k", DOUBLE, 3);
    OnnxGraphs other =
        new OnnxGraphs().node("Neg", List.of("double"), List.of("m")).output("m", DOUBLE, 3);
    OnnxGraphs loop =
        new OnnxGraphs()
            .input("i", INT64)
            .input("go", BOOL)
            .input("v", FLOAT, 3)
            .output("go2", BOOL)
            .output("v2", FLOAT, 3)
            .output("row", FLOAT, 1, 3)
            .node("Identity", List.of("go"), List.of("go2"))
            .node("Cast", List.of("v"), List.of("double"), integer("to", DOUBLE.code()))
            .node(
                "If",
                List.of("go"),
                List.of("chosen"),
                body("then_branch", inner),
                body("else_branch", other))
            .node("Cast", List.of("chosen"), List.of("single"), integer("to", FLOAT.code()))
            .node("Add", List.of("single", "x"), List.of("v2"))
            .node("Unsqueeze", List.of("v2"), List.of("row"), integers("axes", 0L));
    ModelProto model =
        new OnnxGraphs()
            .opset(10)
            .input("x", FLOAT, 3)
            .output("y", FLOAT, 3)
            .output("rows", FLOAT, 4, 1, 3)
            .initializer(flag(true))
            .initializer(count(4))
            .node("Loop", List.of("count", "flag", "x"), List.of("y", "rows"), body("body", loop))
            .model();
    Rewrite.Result result = OpsetUpgrades.proven(model, List.of(normal(SEED, 3)));
    assertThat(result.changes())
        .containsExactly(
            "raised the operator set from 10 to 13",
            "'Pad0' (Pad) takes its pads as an input",
            "'Unsqueeze5' (Unsqueeze) takes its axes as an input");
  }

  private static OnnxGraphs sums() {
    return new OnnxGraphs()
        .input("sum", FLOAT, 3)
        .input("one", FLOAT, 3)
        .input("other", FLOAT, 3)
        .output("sum2", FLOAT, 3)
        .output("product", FLOAT, 3)
        .node("Clip", List.of("one"), List.of("some"), decimal("min", -0.5f))
        .node("Add", List.of("sum", "some"), List.of("plain"))
        .node("Mul", List.of("plain", "factor"), List.of("sum2"))
        .node("Mul", List.of("sum", "other"), List.of("product"));
  }

  /** The body runs for each row of the batch, over sequences, one of them backwards. */
  @Test
  void aScanOverABatchBecomesOneOverEachRow() throws Exception {
    ModelProto model =
        new OnnxGraphs()
            .opset(8)
            .input("x", FLOAT, "N", 5, 3)
            .input("z", FLOAT, "N", 5, 3)
            .input("first", FLOAT, "N", 3)
            .output("last", FLOAT, "N", 3)
            .output("products", FLOAT, "N", 5, 3)
            .weights("factor", SEED, 3)
            .node(
                "Scan",
                List.of("", "first", "x", "z"),
                List.of("last", "products"),
                body("body", sums()),
                integer("num_scan_inputs", 2),
                integers("directions", 0L, 1L))
            .model();
    List<PlainTensor> inputs =
        List.of(normal(SEED, 2, 5, 3), normal(SEED + 1, 2, 5, 3), normal(SEED + 2, 2, 3));
    Rewrite.Result result = OpsetUpgrades.proven(model, inputs);
    assertThat(result.changes())
        .containsExactly(
            "raised the operator set from 8 to 13",
            "'Clip0' (Clip) takes its bounds as inputs",
            "'Scan0' (Scan) goes over its batch and its axis apart");
  }

  @Test
  void aLaterScanKeepsItsForm() throws Exception {
    ModelProto model =
        new OnnxGraphs()
            .opset(9)
            .input("x", FLOAT, 5, 3)
            .input("z", FLOAT, 5, 3)
            .input("first", FLOAT, 3)
            .output("last", FLOAT, 3)
            .output("products", FLOAT, 5, 3)
            .weights("factor", SEED, 3)
            .node(
                "Scan",
                List.of("first", "x", "z"),
                List.of("last", "products"),
                body("body", sums()),
                integer("num_scan_inputs", 2),
                integers("scan_input_directions", 0L, 1L))
            .model();
    List<PlainTensor> inputs =
        List.of(normal(SEED, 5, 3), normal(SEED + 1, 5, 3), normal(SEED + 2, 3));
    assertThat(OpsetUpgrades.proven(model, inputs).changes()).hasSize(2);
  }

  @Test
  void aScanOverSequencesOfDifferentLengthsIsRefused() {
    OnnxGraphs graph =
        new OnnxGraphs()
            .opset(8)
            .input("x", FLOAT, 2, 5, 3)
            .input("lengths", INT64, 2)
            .output("y", FLOAT, 2, 5, 3)
            .node(
                "Scan",
                List.of("lengths", "x"),
                List.of("y"),
                body(
                    "body",
                    new OnnxGraphs()
                        .input("e", FLOAT, 3)
                        .output("f", FLOAT, 3)
                        .node("Neg", List.of("e"), List.of("f"))),
                integer("num_scan_inputs", 1));
    OpsetUpgrades.refuses(
        graph.model(), "the node 'Scan0' (Scan) takes the lengths of its sequences, 'lengths'");
  }

  /** ONNX Runtime takes the types of a body's inputs from the node that has it. */
  @Test
  void aBodyThatDeclaresNoTypesIsRefusedWhereTheyMatter() {
    OnnxGraphs loop =
        new OnnxGraphs()
            .input("i", TypeProto.getDefaultInstance())
            .input("go", TypeProto.getDefaultInstance())
            .input("v", TypeProto.getDefaultInstance())
            .output("go2", BOOL)
            .output("v2", FLOAT, 3)
            .node("Identity", List.of("go"), List.of("go2"))
            .node("Clip", List.of("v"), List.of("v2"), decimal("max", 0.5f));
    OnnxGraphs graph =
        new OnnxGraphs()
            .opset(9)
            .input("x", FLOAT, 3)
            .output("y", FLOAT, 3)
            .initializer(flag(true))
            .initializer(count(4))
            .node("Loop", List.of("count", "flag", "x"), List.of("y"), body("body", loop));
    OpsetUpgrades.refuses(
        graph.model(), "the node 'Clip1' (Clip) takes 'v', whose type is not known");
  }
}
