package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.DOUBLE;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.FLOAT16;
import static dev.sluice.bindings.ElementType.INT32;
import static dev.sluice.bindings.ElementType.INT4;
import static dev.sluice.bindings.ElementType.INT8;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.precision.HalfPrecision;
import dev.sluice.converter.precision.StrongTyping;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What TensorRT takes, and for each of its rules what breaks it. */
class StrongTypingTest {
  @TempDir private Path folder;

  /** A graph that grows by quantized nodes. */
  private final class Quantized {
    private final OnnxGraphs graph = new OnnxGraphs().opset(21).irVersion(10);

    Quantized input(String name, ElementType type, Object... dims) {
      graph.input(name, type, dims);
      return this;
    }

    Quantized output(String name, ElementType type, Object... dims) {
      graph.output(name, type, dims);
      return this;
    }

    Quantized weights(String name, long... dims) {
      graph.weights(name, 1, dims);
      return this;
    }

    /** Real numbers along one axis; one without an axis where there is but one. */
    Quantized scale(String name, float... values) {
      return scale(name, values.length == 1 ? new long[0] : new long[] {values.length}, values);
    }

    Quantized scale(String name, long[] dims, float... values) {
      TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(1);
      for (long dim : dims) {
        tensor.addDims(dim);
      }
      for (float value : values) {
        tensor.addFloatData(value);
      }
      graph.initializer(tensor.build());
      return this;
    }

    Quantized whole(String name, ElementType type, long[] dims, int... values) {
      TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(type.code());
      for (long dim : dims) {
        tensor.addDims(dim);
      }
      for (int value : values) {
        tensor.addInt32Data(value);
      }
      graph.initializer(tensor.build());
      return this;
    }

    Quantized zero() {
      return whole("zero", INT8, new long[0], 0);
    }

    Quantized node(String op, List<String> inputs, String output, AttributeProto... attributes) {
      graph.node(op, inputs, List.of(output), attributes);
      return this;
    }

    Quantized q(String value, String scale, String output, AttributeProto... attributes) {
      return node("QuantizeLinear", List.of(value, scale, "zero"), output, attributes);
    }

    Quantized dq(String value, String scale, String output, AttributeProto... attributes) {
      return node("DequantizeLinear", List.of(value, scale, "zero"), output, attributes);
    }

    List<String> problems() throws IOException {
      return StrongTypingTest.this.problems(graph);
    }
  }

  private List<String> problems(OnnxGraphs graph) throws IOException {
    TypedModel model = TypedModel.of(graph, folder);
    return StrongTyping.problems(model.graph(), model.weights());
  }

  /** x[2,4] -> y[2,4], a scale s of 0.1 and a zero point. */
  private Quantized values() {
    return new Quantized().input("x", FLOAT, 2, 4).output("y", FLOAT, 2, 4).scale("s", 0.1f).zero();
  }

  /** x[1,2,5,5] -> Conv -> y[1,3,3,3] by weights of three channels. */
  private Quantized layer() {
    return new Quantized()
        .input("x", FLOAT, 1, 2, 5, 5)
        .output("y", FLOAT, 1, 3, 3, 3)
        .scale("s", 0.1f)
        .zero()
        .whole("zeros", INT8, new long[] {3}, 0, 0, 0)
        .q("x", "s", "xq")
        .dq("xq", "s", "xd");
  }

  private static void isTheOne(List<String> problems, String... parts) {
    assertThat(problems).hasSize(1);
    assertThat(problems.getFirst()).contains(parts);
  }

  @Test
  void aQuantizedLayerIsTaken() throws Exception {
    assertThat(
            layer()
                .weights("w", 3, 2, 3, 3)
                .weights("b", 3)
                .scale("t", 0.1f, 0.2f, 0.3f)
                .node("QuantizeLinear", List.of("w", "t", "zeros"), "wq", integer("axis", 0))
                .node("DequantizeLinear", List.of("wq", "t", "zeros"), "wd", integer("axis", 0))
                .node("Conv", List.of("xd", "wd", "b"), "y")
                .problems())
        .isEmpty();
    assertThat(
            layer()
                .whole("wq", INT8, new long[] {3, 2, 3, 3}, new int[54])
                .scale("t", 0.1f, 0.2f, 0.3f)
                .node("DequantizeLinear", List.of("wq", "t"), "wd", integer("axis", 0))
                .node("Conv", List.of("xd", "wd"), "y")
                .problems())
        .isEmpty();
  }

  @Test
  void halvesAreTaken() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 2, 4)
            .output("y", FLOAT, 2, 4)
            .weights("w", 1, 4, 4)
            .node("MatMul", List.of("x", "w"), List.of("m"))
            .node("Softmax", List.of("m"), List.of("y"));
    TypedModel model = TypedModel.of(graph, folder);
    for (ElementType type : List.of(FLOAT16, ElementType.BFLOAT16)) {
      HalfPrecision.Result result =
          new HalfPrecision(type, Set.of("y"), false).apply(model.graph(), model.weights());
      assertThat(StrongTyping.problems(result.graph(), model.weights())).isEmpty();
    }
  }

  @Test
  void unsignedBytesAreRefused() throws Exception {
    assertThat(
            values()
                .node("QuantizeLinear", List.of("x", "s"), "q")
                .node("DequantizeLinear", List.of("q", "s"), "y")
                .problems())
        .containsExactly(
            "the node 'QuantizeLinear0' (QuantizeLinear) has 'q' of UINT8, and TensorRT quantizes"
                + " to signed types; give it a zero point of INT8 zeros, and a scale for both"
                + " signs",
            "the node 'DequantizeLinear1' (DequantizeLinear) has 'q' of UINT8, and TensorRT"
                + " quantizes to signed types; give it a zero point of INT8 zeros, and a scale for"
                + " both signs");
    List<String> wide =
        values()
            .whole("z16", ElementType.INT16, new long[0], 0)
            .node("QuantizeLinear", List.of("x", "s", "z16"), "q")
            .node("DequantizeLinear", List.of("q", "s", "z16"), "y")
            .problems();
    assertThat(wide).hasSize(2).allMatch(text -> text.contains("'q' of INT16, and TensorRT takes"));
  }

  @Test
  void zeroPointsAreConstantZeros() throws Exception {
    List<String> moved =
        values()
            .whole("three", INT8, new long[0], 3)
            .node("QuantizeLinear", List.of("x", "s", "three"), "q")
            .node("DequantizeLinear", List.of("q", "s", "three"), "y")
            .problems();
    assertThat(moved).hasSize(2).allMatch(text -> text.contains("'three', which is not zero"));
    List<String> given =
        values()
            .input("z", INT8)
            .node("QuantizeLinear", List.of("x", "s", "z"), "q")
            .dq("q", "s", "y")
            .problems();
    isTheOne(given, "'QuantizeLinear0'", "the zero point 'z', which is no constant");
    List<String> many =
        values()
            .whole("zeros", INT8, new long[] {1}, 0)
            .node("QuantizeLinear", List.of("x", "s", "zeros"), "q")
            .dq("q", "s", "y")
            .problems();
    isTheOne(many, "the zero point 'zeros' of another shape than the scale 's'");
  }

  @Test
  void scalesArePositiveFiniteConstants() throws Exception {
    for (float wrong : new float[] {0, -0.1f, Float.NaN, Float.POSITIVE_INFINITY}) {
      isTheOne(
          values().scale("bad", wrong).q("x", "bad", "q").dq("q", "s", "y").problems(),
          "the node 'QuantizeLinear0' (QuantizeLinear) has the scale 'bad', which is " + wrong,
          "calibrate again");
    }
    isTheOne(
        values().input("given", FLOAT).q("x", "given", "q").dq("q", "s", "y").problems(),
        "the scale 'given', which is no constant of real numbers");
  }

  @Test
  void scalesHaveTheTypeOfTheNumbers() throws Exception {
    OnnxGraphs graph = new OnnxGraphs().opset(23).irVersion(11);
    graph
        .input("x", FLOAT16, 2, 4)
        .output("y", FLOAT, 2, 4)
        .initializer(TensorProto.newBuilder().setName("s").setDataType(1).addFloatData(1).build())
        .initializer(
            TensorProto.newBuilder().setName("zero").setDataType(3).addInt32Data(0).build())
        .node("QuantizeLinear", List.of("x", "s", "zero"), List.of("q"))
        .node("DequantizeLinear", List.of("q", "s", "zero"), List.of("y"));
    isTheOne(problems(graph), "the scale 's' of FLOAT, and takes 'x' of FLOAT16");
  }

  /** What is quantized in one type may be dequantized in another, in both if need be. */
  @Test
  void pairsOfSixteenBitsAreTakenBesideOthers() throws Exception {
    OnnxGraphs graph = new OnnxGraphs().opset(19).irVersion(9);
    graph
        .input("x", FLOAT, 2, 4)
        .output("y", FLOAT, 2, 4)
        .output("z", FLOAT16, 2, 4)
        .initializer(TensorProto.newBuilder().setName("s").setDataType(1).addFloatData(1).build())
        .initializer(
            TensorProto.newBuilder()
                .setName("h")
                .setDataType(FLOAT16.code())
                .addInt32Data(0x3c00)
                .build())
        .initializer(
            TensorProto.newBuilder().setName("zero").setDataType(3).addInt32Data(0).build())
        .node("QuantizeLinear", List.of("x", "s", "zero"), List.of("q"))
        .node("DequantizeLinear", List.of("q", "h", "zero"), List.of("d"))
        .node("Tanh", List.of("d"), List.of("t"))
        .node("QuantizeLinear", List.of("t", "h", "zero"), List.of("r"))
        .node("DequantizeLinear", List.of("r", "s", "zero"), List.of("f"))
        .node("Sigmoid", List.of("f"), List.of("y"))
        .node("DequantizeLinear", List.of("r", "h", "zero"), List.of("g"))
        .node("Sigmoid", List.of("g"), List.of("z"));
    assertThat(problems(graph)).isEmpty();
  }

  @Test
  void valuesHaveOneScaleAndWeightsOnePerChannel() throws Exception {
    List<String> rows =
        values()
            .scale("t", 0.1f, 0.2f)
            .whole("zeros", INT8, new long[] {2}, 0, 0)
            .node("QuantizeLinear", List.of("x", "t", "zeros"), "q", integer("axis", 0))
            .node("DequantizeLinear", List.of("q", "t", "zeros"), "y", integer("axis", 0))
            .problems();
    assertThat(rows)
        .hasSize(2)
        .allMatch(
            text -> text.contains("'t' per channel of") && text.contains("give it one scale"));
  }

  private List<String> channels(float[] scale, AttributeProto... axis) throws IOException {
    return layer()
        .whole("wq", INT8, new long[] {3, 2, 3, 3}, new int[54])
        .scale("t", scale)
        .node("DequantizeLinear", List.of("wq", "t"), "wd", axis)
        .node("Conv", List.of("xd", "wd"), "y")
        .problems();
  }

  @Test
  void channelsMatchTheAxis() throws Exception {
    assertThat(channels(new float[] {1, 2, 3}, integer("axis", -4))).isEmpty();
    isTheOne(
        channels(new float[] {1, 2}, integer("axis", 0)),
        "'t' of 2 channels, and 'wq' has 3 in axis 0");
    isTheOne(
        channels(new float[] {1, 2}, integer("axis", 1)),
        "'t' along axis 1, and the results of 'Conv3' (Conv) are along axis 0");
    isTheOne(channels(new float[] {1, 2, 3}, integer("axis", 4)), "has the axis 4");
    // ONNX's default is axis 1.
    assertThat(channels(new float[] {1, 2}))
        .hasSize(2)
        .anyMatch(text -> text.contains("no axis, which is 1 to ONNX and 0 to TensorRT's parser"));
  }

  @Test
  void channelsOfProductsAreTheirLastAxis() throws Exception {
    for (int axis : new int[] {0, 1}) {
      List<String> problems =
          values()
              .whole("wq", INT8, new long[] {4, 4}, new int[16])
              .scale("t", 1, 2, 3, 4)
              .node("DequantizeLinear", List.of("wq", "t"), "wd", integer("axis", axis))
              .node("MatMul", List.of("x", "wd"), "y")
              .problems();
      if (axis == 1) {
        assertThat(problems).isEmpty();
      } else {
        isTheOne(problems, "are along axis 1 of these weights");
      }
    }
    for (long transposed : new long[] {0, 1}) {
      List<String> problems =
          values()
              .whole("wq", INT8, new long[] {4, 4}, new int[16])
              .scale("t", 1, 2, 3, 4)
              .node("DequantizeLinear", List.of("wq", "t"), "wd", integer("axis", 0))
              .node("Gemm", List.of("x", "wd"), "y", integer("transB", transposed))
              .problems();
      assertThat(problems).hasSize(transposed == 1 ? 0 : 1);
    }
  }

  @Test
  void blocksDivideOneAxis() throws Exception {
    float[] four = {1, 2, 3, 4};
    for (int block : new int[] {8, 4, 0}) {
      AttributeProto[] attributes = {integer("axis", 0), integer("block_size", block)};
      List<String> problems =
          new Quantized()
              .input("x", FLOAT, 2, 16)
              .output("y", FLOAT, 2, 2)
              .whole("wq", INT4, new long[] {16, 2}, new int[16])
              .scale("t", new long[] {2, 2}, four)
              .node("DequantizeLinear", List.of("wq", "t"), "wd", attributes)
              .node("MatMul", List.of("x", "wd"), "y")
              .problems();
      if (block == 8) {
        assertThat(problems).isEmpty();
      } else {
        isTheOne(problems, "'t' of the shape [2, 2]", "in blocks of " + block + " along axis 0");
      }
    }
  }

  @Test
  void fourBitsAreForWeightsInPairs() throws Exception {
    List<String> values =
        values()
            .whole("z4", INT4, new long[0], 0)
            .node("QuantizeLinear", List.of("x", "s", "z4"), "q")
            .node("DequantizeLinear", List.of("q", "s", "z4"), "y")
            .problems();
    assertThat(values)
        .hasSize(2)
        .allMatch(text -> text.contains("is no constant, and TensorRT has INT4 for weights alone"));
    isTheOne(
        new Quantized()
            .input("x", FLOAT, 2, 4)
            .output("y", FLOAT, 2, 3)
            .scale("s", 0.1f)
            .whole("wq", INT4, new long[] {4, 3}, new int[6])
            .node("DequantizeLinear", List.of("wq", "s"), "wd")
            .node("MatMul", List.of("x", "wd"), "y")
            .problems(),
        "'wq', whose last axis is odd");
  }

  @Test
  void nothingIsQuantizedTwice() throws Exception {
    isTheOne(
        values()
            .scale("t", 0.2f)
            .q("x", "s", "q")
            .dq("q", "s", "d")
            .q("d", "t", "r")
            .dq("r", "t", "y")
            .problems(),
        "the node 'QuantizeLinear2' (QuantizeLinear) quantizes 'd' by 't', which"
            + " 'DequantizeLinear1' (DequantizeLinear) has made of another scale, 's'");
    isTheOne(
        values()
            .scale("t", 0.2f)
            .q("x", "s", "q")
            .dq("q", "s", "d")
            .node("Transpose", List.of("d"), "turned")
            .q("turned", "t", "r")
            .dq("r", "t", "e")
            .node("Transpose", List.of("e"), "y")
            .problems(),
        "quantizes 'turned' by 't'");
    // The same scale changes nothing, and after a layer another one is as it should be.
    assertThat(
            values()
                .scale("same", 0.1f)
                .scale("t", 0.2f)
                .q("x", "s", "q")
                .dq("q", "s", "d")
                .q("d", "same", "r")
                .dq("r", "same", "e")
                .node("Tanh", List.of("e"), "f")
                .q("f", "t", "u")
                .dq("u", "t", "y")
                .problems())
        .isEmpty();
  }

  @Test
  void whatIsQuantizedIsTakenByDequantization() throws Exception {
    isTheOne(
        values()
            .output("i", INT32, 2, 4)
            .q("x", "s", "q")
            .dq("q", "s", "y")
            .node("Cast", List.of("q"), "i", integer("to", INT32.code()))
            .problems(),
        "makes 'q', which 'Cast2' (Cast) takes");
    isTheOne(
        values().q("x", "s", "q").dq("q", "s", "y").dq("q", "s", "lost").problems(),
        "the node 'DequantizeLinear2' (DequantizeLinear) makes 'lost', which nobody takes");
    isTheOne(
        values().q("x", "s", "lost").node("Tanh", List.of("x"), "y").problems(),
        "makes 'lost', which nobody takes");
  }

  @Test
  void biasesAreNotQuantized() throws Exception {
    isTheOne(
        layer()
            .weights("w", 3, 2, 3, 3)
            .whole("bq", INT32, new long[] {3}, 1, 2, 3)
            .node("DequantizeLinear", List.of("bq", "s"), "b")
            .node("Conv", List.of("xd", "w", "b"), "y")
            .problems(),
        "the node 'DequantizeLinear2' (DequantizeLinear) makes a bias of INT32 'bq'",
        "leave biases as they are, FLOAT");
    isTheOne(
        layer()
            .weights("w", 3, 2, 3, 3)
            .whole("bq", INT8, new long[] {3}, 1, 2, 3)
            .dq("bq", "s", "b")
            .node("Conv", List.of("xd", "w", "b"), "y")
            .problems(),
        "the node 'Conv3' (Conv) takes the quantized bias 'b'");
  }

  @Test
  void anOperatorTakesOneTypeOfRealNumbers() throws Exception {
    OnnxGraphs graph = new OnnxGraphs();
    graph
        .input("x", FLOAT16, 2, 4)
        .input("e", FLOAT, 2, 4)
        .output("y", FLOAT16, 2, 4)
        .node("Pow", List.of("x", "e"), List.of("y"));
    isTheOne(
        problems(graph),
        "the node 'Pow0' (Pow) takes 'x' of FLOAT16 and 'e' of FLOAT",
        "put a Cast before it");
    assertThat(
            problems(
                new OnnxGraphs()
                    .input("x", FLOAT16, 1, 1, 2, 2)
                    .output("y", FLOAT16, 1, 1, 4, 4)
                    .initializer(
                        TensorProto.newBuilder()
                            .setName("scales")
                            .setDataType(1)
                            .addDims(4)
                            .addAllFloatData(List.of(1f, 1f, 2f, 2f))
                            .build())
                    .node("Resize", List.of("x", "", "scales"), List.of("y"))))
        .isEmpty();
  }

  @Test
  void doublesAreRefused() throws Exception {
    assertThat(
            problems(
                new OnnxGraphs()
                    .input("x", DOUBLE, 2)
                    .output("y", DOUBLE, 2)
                    .initializer(
                        TensorProto.newBuilder()
                            .setName("c")
                            .setDataType(DOUBLE.code())
                            .addDoubleData(1)
                            .build())
                    .node("Add", List.of("x", "c"), List.of("y"))))
        .containsExactly(
            "the input 'x' is DOUBLE, which TensorRT does not compute in; make it FLOAT",
            "the node 'Add0' (Add) makes 'y' DOUBLE, which TensorRT does not compute in; make it"
                + " FLOAT",
            "the node 'Add0' (Add) takes the constant 'c' of DOUBLE, which TensorRT does not"
                + " compute in; make it FLOAT");
  }
}
