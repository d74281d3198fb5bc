package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.FlopCount;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.engine.Shape;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Operations of single nodes, against what their definitions say. */
class FlopCountTest {
  private static FlopCount count(ModelProto model, Map<String, Shape> shapes) throws Exception {
    return FlopCount.of(ModelReader.read(Path.of("m.onnx"), model.toByteArray()), shapes);
  }

  private static FlopCount count(OnnxGraphs graph) throws Exception {
    return count(graph.model(), Map.of());
  }

  /** A node over x [2,3,8,6] and its weights. */
  private static long image(String op, int rank, String more, AttributeProto... attributes)
      throws Exception {
    Object[] out = new Object[rank];
    java.util.Arrays.fill(out, "");
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 2, 4, 8, 6)
            .output("y", FLOAT, out)
            .weights("k", 1, 6, 2, 3, 3)
            .weights("kt", 1, 4, 5, 3, 3)
            .weights("b", 2, 6)
            .weights("c", 2, 4);
    List<String> inputs = more.isEmpty() ? List.of("x") : List.of(("x " + more).split(" ", -1));
    return count(graph.node(op, inputs, List.of("y"), attributes)).total();
  }

  @Test
  void convolutions() throws Exception {
    AttributeProto groups = OnnxGraphs.integer("group", 2);
    // 2 x 6 x 6 x 4 results, each of 2 x 3 x 3 products.
    assertThat(image("Conv", 4, "k", groups)).isEqualTo(2 * 6 * 6 * 4 * 2 * 18);
    assertThat(image("Conv", 4, "k b", groups)).isEqualTo(2 * 6 * 6 * 4 * (2 * 18 + 1));
    // Each of 2 x 4 x 8 x 6 elements goes into 5 x 3 x 3 sums.
    assertThat(image("ConvTranspose", 4, "kt")).isEqualTo(2 * 4 * 8 * 6 * 2 * 45);
  }

  @Test
  void poolingAndNormalization() throws Exception {
    AttributeProto kernel = OnnxGraphs.integers("kernel_shape", 2L, 3L);
    assertThat(image("MaxPool", 4, "", kernel)).isEqualTo(2 * 4 * 7 * 4 * 6);
    assertThat(image("GlobalAveragePool", 4, "")).isEqualTo(2 * 4 * 8 * 6);
    assertThat(image("Relu", 4, "")).isEqualTo(2 * 4 * 8 * 6);
    assertThat(image("Softmax", 4, "")).isEqualTo(5 * 2 * 4 * 8 * 6);
    assertThat(image("BatchNormalization", 4, "c c c c")).isEqualTo(2 * 2 * 4 * 8 * 6);
    assertThat(image("Flatten", 2, "")).isZero();
    assertThat(image("Transpose", 4, "")).isZero();
  }

  @Test
  void products() throws Exception {
    OnnxGraphs two =
        new OnnxGraphs()
            .input("a", FLOAT, 5, 3, 4)
            .input("b", FLOAT, 5, 4, 7)
            .output("y", FLOAT, 5, 3, 7);
    assertThat(count(two.node("MatMul", List.of("a", "b"), List.of("y"))).total())
        .isEqualTo(5 * 3 * 7 * 2 * 4);
    OnnxGraphs sums =
        new OnnxGraphs()
            .input("a", FLOAT, 5, 3, 4)
            .input("b", FLOAT, 5, 4, 7)
            .output("y", FLOAT, 3, 7);
    AttributeProto equation = OnnxGraphs.text("equation", "bij, bjk -> ik");
    assertThat(count(sums.node("Einsum", List.of("a", "b"), List.of("y"), equation)).total())
        .isEqualTo(2 * 5 * 3 * 4 * 7);
    OnnxGraphs gemm =
        new OnnxGraphs()
            .input("a", FLOAT, 4, 3)
            .output("y", FLOAT, 3, 7)
            .weights("b", 1, 7, 4)
            .weights("c", 1, 7)
            .node(
                "Gemm",
                List.of("a", "b", "c"),
                List.of("y"),
                OnnxGraphs.integer("transA", 1),
                OnnxGraphs.integer("transB", 1));
    FlopCount counted = count(gemm);
    assertThat(counted.total()).isEqualTo(3 * 7 * (2 * 4 + 1));
    assertThat(counted.heaviest(10).getFirst().parameters()).isEqualTo(28 + 7);
    assertThat(counted.heaviest(10).getFirst().output()).isEqualTo(Shape.of(3, 7));
  }

  @Test
  void recurrentNetworks() throws Exception {
    OnnxGraphs lstm =
        new OnnxGraphs()
            .input("x", FLOAT, 9, 2, 5)
            .output("h", FLOAT, 2, 2, 6)
            .weights("w", 1, 2, 24, 5)
            .weights("r", 2, 2, 24, 6)
            .node(
                "LSTM",
                List.of("x", "w", "r"),
                List.of("", "h"),
                OnnxGraphs.integer("hidden_size", 6),
                OnnxGraphs.text("direction", "bidirectional"));
    assertThat(count(lstm).notCounted()).as("its first output is not there").isEmpty();
    assertThat(count(lstm).total()).isEqualTo(9 * 2 * 2 * (2 * 24 * (5 + 6)));
  }

  @Test
  void attentionOfOnnxRuntime() throws Exception {
    ModelProto.Builder model =
        new OnnxGraphs()
                .input("x", FLOAT, 2, 10, 8)
                .output("y", FLOAT, 2, 10, 8)
                .weights("w", 1, 8, 24)
                .weights("b", 2, 24)
                .node(
                    "Attention",
                    List.of("x", "w", "b"),
                    List.of("y"),
                    OnnxGraphs.integer("num_heads", 2))
                .model()
                .toBuilder();
    model.getGraphBuilder().getNodeBuilder(0).setDomain("com.microsoft");
    model.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("com.microsoft").setVersion(1));
    FlopCount counted = count(model.build(), Map.of());
    assertThat(counted.perOperator())
        .containsExactly(
            Map.entry("com.microsoft::Attention", 2L * 10 * 8 * 2 * 24 + 4L * 2 * 10 * 10 * 8));
  }

  @Test
  void dynamicExtentsAreThoseThatAreGiven() throws Exception {
    ModelProto model = OnnxGraphs.matMul(6).model();
    assertThat(count(model, Map.of("x", Shape.of(7, 20))).total()).isEqualTo(7 * 6 * 2 * 20);
    assertThat(count(model, Map.of()).notCounted())
        .containsExactly("'MatMul0' (MatMul): the shape of 'x' is not known before a run");
  }

  @Test
  void theHeaviestComeFirstAndWhatIsNotKnownIsTold() throws Exception {
    FlopCount counted =
        count(
            new OnnxGraphs()
                .input("x", FLOAT, 5, 20)
                .output("z", FLOAT, 5, 30)
                .output("i", INT64, 5, 2)
                .weights("w", 1, 20, 30)
                .numbers("two", 2)
                .node("Tanh", List.of("x"), List.of("t"))
                .node("MatMul", List.of("t", "w"), List.of("y"))
                .node("Sigmoid", List.of("y"), List.of("z"))
                .node("TopK", List.of("z", "two"), List.of("v", "i")));
    assertThat(counted.heaviest(10))
        .extracting(FlopCount.Layer::operator)
        .containsExactly("MatMul", "Sigmoid", "Tanh");
    assertThat(counted.heaviest(1)).hasSize(1);
    assertThat(counted.perOperator())
        .containsExactly(
            Map.entry("MatMul", 2L * 5 * 20 * 30),
            Map.entry("Sigmoid", 150L),
            Map.entry("Tanh", 100L));
    assertThat(counted.notCounted())
        .containsExactly("'TopK3' (TopK): of this operator nothing is known here");
  }

  /** Each layer flattens by the shape of what the one before gave, as older exporters write it. */
  @Test
  void shapesThatFollowFromShapesAreKnown() throws Exception {
    OnnxGraphs graph = new OnnxGraphs().input("v0", FLOAT, 5, 4, 3);
    int layers = 12;
    for (int i = 0; i < layers; i++) {
      graph
          .node("Shape", List.of("v" + i), List.of("dims" + i))
          .node("Size", List.of("dims" + i), List.of("rank" + i))
          .node("Range", List.of("zero", "rank" + i, "one"), List.of("axes" + i))
          .node("Gather", List.of("dims" + i, "axes" + i), List.of("all" + i))
          .node("Reshape", List.of("v" + i, "all" + i), List.of("w" + i))
          .node("Tanh", List.of("w" + i), List.of("v" + (i + 1)));
    }
    graph.constant("zero", "zero", true, 0).constant("one", "one", true, 1);
    FlopCount counted = count(graph.output("v" + layers, FLOAT, "a", "b", "c"));
    assertThat(counted.notCounted()).isEmpty();
    assertThat(counted.total()).isEqualTo(layers * 5L * 4 * 3);
  }

  @Test
  void aSizeThatNoNumberHolds() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, "a", "b")
            .output("n", INT64)
            .node("Size", List.of("x"), List.of("n"));
    assertThat(count(graph.model(), Map.of("x", Shape.of(1L << 40, 1L << 40))).total()).isZero();
  }

  @Test
  void moreThanAnyNumberHoldsIsNotCounted() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("a", FLOAT, "a", "b")
            .input("b", FLOAT, "b", "c")
            .output("y", FLOAT, "a", "c")
            .node("MatMul", List.of("a", "b"), List.of("y"));
    Map<String, Shape> long64 = Map.of("a", Shape.of(1, 1L << 62), "b", Shape.of(1L << 62, 2));
    assertThat(count(graph.model(), long64).notCounted())
        .containsExactly(
            "'MatMul0' (MatMul): it takes more operations than a number of 64 bits holds");
    // Each fits, the sum does not.
    OnnxGraphs two =
        graph.node("MatMul", List.of("a", "b"), List.of("z")).output("z", FLOAT, "a", "c");
    Map<String, Shape> large = Map.of("a", Shape.of(1 << 30, 1 << 30), "b", Shape.of(1 << 30, 2));
    FlopCount counted = count(two.model(), large);
    assertThat(counted.total()).isEqualTo(1L << 62);
    assertThat(counted.notCounted())
        .containsExactly(
            "'MatMul1' (MatMul): it takes more operations than a number of 64 bits holds");
  }

  @Test
  void weightsAreCountedByTheirType() throws Exception {
    OnnxGraphs graph = OnnxGraphs.matMul(30).numbers("n", 1, 2, 3);
    assertThat(
            FlopCount.weightBytes(ModelReader.read(Path.of("m.onnx"), graph.model().toByteArray())))
        .isEqualTo(20 * 30 * ElementType.FLOAT.byteSize(1) + 3 * 8);
  }
}
