package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BFLOAT16;
import static dev.sluice.bindings.ElementType.BOOL;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.FLOAT16;
import static dev.sluice.bindings.ElementType.INT64;
import static dev.sluice.bindings.ElementType.INT8;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.Reals;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.converter.precision.HalfEmulation;
import dev.sluice.converter.precision.HalfPrecision;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which values become 16 bits wide, which nodes stay FLOAT and why, and where the Casts are. */
class HalfPrecisionTest {
  @TempDir private Path folder;

  /** A conversion and what it was made of. */
  private record Converted(TypedModel model, HalfPrecision.Result result) {
    Graph graph() {
      return result.graph();
    }

    List<String> operators() {
      return graph().nodes().stream().map(NodeProto::getOpType).toList();
    }

    long casts() {
      return operators().stream().filter(op -> op.equals("Cast")).count();
    }

    ElementType type(String value) {
      return graph().type(value).type();
    }

    NodeProto maker(String value) {
      return graph().nodes().get(graph().producer(value));
    }

    double[] constant(String name) throws IOException {
      TensorProto tensor = graph().constant(name);
      MemorySegment bytes = model.weights().bytes(tensor);
      ElementType type = ElementType.ofCode(tensor.getDataType());
      double[] numbers = new double[(int) (bytes.byteSize() * 8 / type.bits())];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = Reals.get(type, bytes, i);
      }
      return numbers;
    }

    /** What the graph in FLOAT and the emulation of this one give differs by, at most. */
    double difference(List<PlainTensor> inputs) throws IOException {
      PlainTensor expected = model.run(model.graph(), inputs).getFirst();
      PlainTensor actual = model.run(HalfEmulation.of(graph(), model.weights()), inputs).getFirst();
      double most = 0;
      for (int i = 0; i < expected.shape().elementCount(); i++) {
        double off = Reals.get(FLOAT, expected.data(), i) - Reals.get(FLOAT, actual.data(), i);
        most = Math.max(most, Double.isNaN(off) ? Double.POSITIVE_INFINITY : Math.abs(off));
      }
      return most;
    }
  }

  private Converted convert(OnnxGraphs graph, ElementType type, boolean lowIo, String... kept)
      throws IOException {
    TypedModel model = TypedModel.of(graph, folder);
    return new Converted(
        model, new HalfPrecision(type, Set.of(kept), lowIo).apply(model.graph(), model.weights()));
  }

  private Converted convert(OnnxGraphs graph, String... kept) throws IOException {
    return convert(graph, FLOAT16, false, kept);
  }

  private static OnnxGraphs scalar(OnnxGraphs graph, String name, float value) {
    return graph.initializer(
        TensorProto.newBuilder().setName(name).setDataType(1).addFloatData(value).build());
  }

  /** x[2,4] -> MatMul -> Add -> Relu -> MatMul -> y[2,3]. */
  private static OnnxGraphs perceptron() {
    return new OnnxGraphs()
        .input("x", FLOAT, 2, 4)
        .output("y", FLOAT, 2, 3)
        .weights("w", 1, 4, 5)
        .weights("b", 2, 5)
        .weights("v", 3, 5, 3)
        .node("MatMul", List.of("x", "w"), List.of("p"))
        .node("Add", List.of("p", "b"), List.of("s"))
        .node("Relu", List.of("s"), List.of("r"))
        .node("MatMul", List.of("r", "v"), List.of("y"));
  }

  @Test
  void castsAreAtInputsAndOutputsOnly() throws Exception {
    for (ElementType type : List.of(FLOAT16, BFLOAT16)) {
      Converted converted = convert(perceptron(), type, false);
      assertThat(converted.operators())
          .containsExactly("Cast", "MatMul", "Add", "Relu", "MatMul", "Cast");
      assertThat(converted.result().keptReasons()).isEmpty();
      assertThat(List.of("p", "s", "r", "w", "b", "v"))
          .allSatisfy(value -> assertThat(converted.type(value)).isEqualTo(type));
      assertThat(List.of("x", "y"))
          .allSatisfy(value -> assertThat(converted.type(value)).isEqualTo(FLOAT));
      assertThat(converted.graph().initializers()).containsOnlyKeys("w", "b", "v");
      assertThat(converted.difference(List.of(PlainTensor.normal(4, 2, 4))))
          .isBetween(1e-6, type == FLOAT16 ? 0.02 : 0.16);
    }
  }

  @Test
  void lowInputsAndOutputsNeedNoCast() throws Exception {
    Converted converted = convert(perceptron(), FLOAT16, true);
    assertThat(converted.operators()).containsExactly("MatMul", "Add", "Relu", "MatMul");
    assertThat(converted.type("x")).isEqualTo(FLOAT16);
    assertThat(converted.type("y")).isEqualTo(FLOAT16);
    assertThat(converted.graph().inputs()).containsExactly("x");
    assertThat(converted.graph().outputs()).containsExactly("y");
  }

  @Test
  void constantsAreRoundedToNearest() throws Exception {
    Converted converted = convert(perceptron());
    double[] weights = converted.constant("w");
    MemorySegment old = converted.model().weights().bytes(converted.model().graph().constant("w"));
    for (int i = 0; i < weights.length; i++) {
      float number = (float) Reals.get(FLOAT, old, i);
      assertThat(weights[i]).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(number)));
    }
  }

  @Test
  void largeConstantsAreWrittenOnce() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 1, 32)
            .output("y", FLOAT, 1, 32)
            .weights("w", 1, 32, 32)
            .node("MatMul", List.of("x", "w"), List.of("m"))
            .node("Tanh", List.of("m"), List.of("y"));
    TypedModel model = TypedModel.of(graph, folder);
    List<TensorProto> made = new ArrayList<>();
    for (Set<String> kept : List.of(Set.<String>of(), Set.of("y"))) {
      Graph typed =
          new HalfPrecision(FLOAT16, kept, false).apply(model.graph(), model.weights()).graph();
      made.add(typed.initializers().get("w"));
      made.add(HalfEmulation.of(typed, model.weights()).initializers().get("w"));
    }
    Graph other =
        new HalfPrecision(BFLOAT16, Set.of(), false).apply(model.graph(), model.weights()).graph();
    assertThat(made.get(0).getExternalDataList()).isNotEmpty();
    assertThat(made.get(2)).isEqualTo(made.get(0)).isNotEqualTo(made.get(1));
    assertThat(made.get(3)).isEqualTo(made.get(1));
    assertThat(other.initializers().get("w").getExternalDataList())
        .isNotEqualTo(made.get(0).getExternalDataList());
  }

  @Test
  void aValueIsCastOnceForAllThatTakeIt() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 2, 4)
            .output("y", FLOAT, 2, 4)
            .output("z", FLOAT, 2, 4)
            .weights("w", 1, 4, 4)
            .node("MatMul", List.of("x", "w"), List.of("m"))
            .node("Exp", List.of("m"), List.of("e"))
            .node("Sin", List.of("m"), List.of("f"))
            .node("MatMul", List.of("e", "w"), List.of("y"))
            .node("Add", List.of("e", "f"), List.of("z"));
    Converted converted = convert(graph, "e", "f", "z");
    // x and e down, m and y up; e, f and z are FLOAT.
    assertThat(converted.casts()).isEqualTo(4);
    assertThat(converted.maker("e").getInput(0)).isEqualTo(converted.maker("f").getInput(0));
    assertThat(converted.maker("z").getInputList()).containsExactly("e", "f");
    assertThat(converted.type("m")).isEqualTo(FLOAT16);
    assertThat(converted.type("e")).isEqualTo(FLOAT);
    assertThat(converted.result().keptReasons())
        .isEqualTo(Map.of("e", "was asked for", "f", "was asked for", "z", "was asked for"));
  }

  @Test
  void aConstantIsConvertedForEachTypeThatIsTaken() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 2, 4)
            .output("y", FLOAT, 2, 4)
            .constant("half", "c", 0.1f)
            .weights("w", 1, 4)
            .node("Mul", List.of("x", "c"), List.of("m"))
            .node("Add", List.of("m", "w"), List.of("a"))
            .node("Sub", List.of("a", "c"), List.of("s"))
            .node("Add", List.of("s", "w"), List.of("y"));
    Converted converted = convert(graph, "s", "y");
    assertThat(converted.casts()).isEqualTo(2);
    assertThat(converted.graph().initializers()).containsOnlyKeys("w", "w_float16", "c_float16");
    assertThat(converted.maker("c").getOpType()).isEqualTo("Constant");
    assertThat(converted.maker("s").getInput(1)).isEqualTo("c");
    assertThat(converted.constant("c_float16"))
        .containsExactly(Float.float16ToFloat(Float.floatToFloat16(0.1f)));
  }

  @Test
  void whatTakesAConstantPastTheRangeStaysFloat() throws Exception {
    OnnxGraphs graph = new OnnxGraphs().input("x", FLOAT, 2, 4).output("y", FLOAT, 2, 4);
    scalar(graph, "big", -70000)
        .weights("w", 1, 4, 4)
        .node("Abs", List.of("x"), List.of("a"))
        .node("Add", List.of("a", "big"), List.of("m"))
        .node("Softmax", List.of("m"), List.of("s"))
        .node("MatMul", List.of("s", "w"), List.of("y"));
    Converted converted = convert(graph);
    assertThat(converted.result().keptReasons())
        .containsEntry(
            "m", "takes the constant 'big', which holds 70000.0, past FLOAT16's largest, 65504.0")
        .containsEntry("s", "takes 'm', which follows from a constant past FLOAT16's range")
        .doesNotContainKey("y");
    assertThat(converted.graph().initializers().get("big").getDataType()).isEqualTo(FLOAT.code());
    assertThat(convert(graph, BFLOAT16, false).result().keptReasons()).isEmpty();
  }

  @Test
  void boundsPastTheRangeAreDrawnIn() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs().input("x", FLOAT, 2, 4).output("y", FLOAT, 2, 4).weights("w", 1, 4, 4);
    scalar(graph, "zero", 0);
    scalar(graph, "most", 1e9f)
        .node("MatMul", List.of("x", "w"), List.of("m"))
        .node("Clip", List.of("m", "zero", "most"), List.of("y"));
    Converted converted = convert(graph);
    assertThat(converted.result().keptReasons()).isEmpty();
    assertThat(converted.constant("most")).containsExactly(65504);
  }

  @Test
  void whatTakesAConstantThatWouldBeZeroStaysFloat() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs().input("x", FLOAT, 2, 4).output("y", FLOAT, 2, 4).weights("w", 1, 4, 4);
    scalar(graph, "tiny", 1e-12f)
        .node("MatMul", List.of("x", "w"), List.of("m"))
        .node("Add", List.of("m", "tiny"), List.of("y"));
    assertThat(convert(graph).result().keptReasons().get("y"))
        .startsWith("takes the constant 'tiny', which holds at most 1.00000e-12")
        .endsWith("and that is 0 in FLOAT16");
    assertThat(convert(graph, BFLOAT16, false).result().keptReasons()).isEmpty();
  }

  /** A normalization over the last axis, in single operators, then a product. */
  private static OnnxGraphs normalization(float epsilon) {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 2, 8)
            .output("y", FLOAT, 2, 8)
            .weights("gamma", 1, 8)
            .weights("w", 2, 8, 8)
            .node("MatMul", List.of("x", "w"), List.of("in"))
            .node("ReduceMean", List.of("in"), List.of("mean"), integers("axes", -1L))
            .node("Sub", List.of("in", "mean"), List.of("d"));
    scalar(graph, "two", 2);
    return scalar(graph, "epsilon", epsilon)
        .node("Pow", List.of("d", "two"), List.of("square"))
        .node("ReduceMean", List.of("square"), List.of("variance"), integers("axes", -1L))
        .node("Add", List.of("variance", "epsilon"), List.of("positive"))
        .node("Sqrt", List.of("positive"), List.of("deviation"))
        .node("Div", List.of("d", "deviation"), List.of("normal"))
        .node("Mul", List.of("normal", "gamma"), List.of("y"));
  }

  @Test
  void statisticsOfNormalizationsStayFloat() throws Exception {
    Converted converted = convert(normalization(1e-5f));
    assertThat(converted.result().keptReasons())
        .containsOnlyKeys("mean", "d", "square", "variance", "positive", "deviation", "normal")
        .containsValue(
            "is part of a normalization's statistics, which are FLOAT in ONNX's own, too");
    // x and normal down, in and y up.
    assertThat(converted.casts()).isEqualTo(4);
    // Squares past 65504, and a row without any variance.
    float[] numbers = new float[16];
    for (int i = 0; i < 8; i++) {
      numbers[i] = 1000 * i;
    }
    PlainTensor x = PlainTensor.of(FLOAT, Shape.of(2, 8), MemorySegment.ofArray(numbers));
    assertThat(convert(normalization(1e-12f)).difference(List.of(x))).isLessThan(5e-3);
  }

  @Test
  void largeReductionsStayFloat() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 4, 16, 20, "n")
            .output("y", FLOAT, 1, 16, 20, "n")
            .output("z", FLOAT, 1, 1, 1, "n")
            .output("u", FLOAT, 4, 16, 20, 1)
            .numbers("first", 0)
            .numbers("three", 0, 1, 2)
            .numbers("last", -1)
            .node("Sigmoid", List.of("x"), List.of("s"))
            .node("ReduceSum", List.of("s", "first"), List.of("y"))
            .node("ReduceSum", List.of("s", "three"), List.of("z"))
            .node("ReduceSum", List.of("s", "last"), List.of("u"));
    assertThat(convert(graph).result().keptReasons())
        .isEqualTo(
            Map.of(
                "z", "reduces 1280 numbers to one, and FLOAT16 adds up 256 at most",
                "u", "reduces an extent that is not known"));
  }

  @Test
  void batchNormalizationGetsItsFactorsBeforehand() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 1, 3, 2, 2)
            .output("y", FLOAT, 1, 3, 2, 2)
            .positive("scale", 1, 3)
            .weights("bias", 2, 3)
            .weights("mean", 3, 3);
    TensorProto.Builder variance =
        TensorProto.newBuilder().setName("variance").setDataType(1).addDims(3);
    // None of which is more than zero in FLOAT16.
    variance.addFloatData(1e-8f).addFloatData(2e-8f).addFloatData(1e-9f);
    graph
        .initializer(variance.build())
        .node("Sigmoid", List.of("x"), List.of("s"))
        .node(
            "BatchNormalization",
            List.of("s", "scale", "bias", "mean", "variance"),
            List.of("y"),
            OnnxGraphs.decimal("epsilon", 1e-9f));
    Converted converted = convert(graph);
    assertThat(converted.result().keptReasons()).isEmpty();
    assertThat(converted.graph().initializers())
        .containsOnlyKeys("scale_float16", "bias_float16", "mean_float16", "variance_float16");
    assertThat(converted.constant("variance_float16")).containsExactly(1, 1, 1);
    // The results are some 10,000: eps of them times two.
    assertThat(converted.difference(List.of(PlainTensor.normal(5, 1, 3, 2, 2)))).isLessThan(32);
  }

  @Test
  void graphsInsideTakeFloat() throws Exception {
    GraphProto branch =
        GraphProto.newBuilder()
            .setName("branch")
            .addNode(NodeProto.newBuilder().setOpType("Neg").addInput("m").addOutput("negative"))
            .addOutput(ValueInfoProto.newBuilder().setName("negative"))
            .build();
    GraphProto same =
        GraphProto.newBuilder()
            .setName("same")
            .addNode(NodeProto.newBuilder().setOpType("Identity").addInput("x").addOutput("it"))
            .addOutput(ValueInfoProto.newBuilder().setName("it"))
            .build();
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 2, 4)
            .input("which", BOOL)
            .output("y", FLOAT, 2, 4)
            .output("m", FLOAT, 2, 4)
            .weights("w", 1, 4, 4)
            .node("MatMul", List.of("x", "w"), List.of("m"))
            .node(
                "If",
                List.of("which"),
                List.of("c"),
                graph("then_branch", branch),
                graph("else_branch", same))
            .node("MatMul", List.of("c", "w"), List.of("y"));
    for (boolean low : List.of(false, true)) {
      Converted converted = convert(graph, FLOAT16, low);
      assertThat(converted.result().keptReasons())
          .isEqualTo(Map.of("c", "holds a graph, whose values stay as they are"));
      ElementType io = low ? FLOAT16 : FLOAT;
      assertThat(converted.type("m")).isEqualTo(io);
      for (byte which : new byte[] {0, 1}) {
        float[] ones = {1, 1, 1, 1, 1, 1, 1, 1};
        short[] halves = new short[8];
        Arrays.fill(halves, Float.floatToFloat16(1));
        MemorySegment data = low ? MemorySegment.ofArray(halves) : MemorySegment.ofArray(ones);
        PlainTensor flag =
            PlainTensor.of(BOOL, Shape.of(), MemorySegment.ofArray(new byte[] {which}));
        List<PlainTensor> inputs = List.of(PlainTensor.of(io, Shape.of(2, 4), data), flag);
        PlainTensor x = PlainTensor.of(FLOAT, Shape.of(2, 4), MemorySegment.ofArray(ones));
        PlainTensor expected =
            converted.model().run(converted.model().graph(), List.of(x, flag)).getFirst();
        for (Graph typed :
            List.of(
                converted.graph(),
                HalfEmulation.of(converted.graph(), converted.model().weights()))) {
          PlainTensor actual = converted.model().run(typed, inputs).getFirst();
          assertThat(actual.type()).isEqualTo(io);
          for (int i = 0; i < 8; i++) {
            assertThat(Reals.get(io, actual.data(), i))
                .isCloseTo(Reals.get(FLOAT, expected.data(), i), within(0.02));
          }
        }
      }
    }
  }

  private static AttributeProto graph(String name, GraphProto graph) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.GRAPH)
        .setG(graph)
        .build();
  }

  @Test
  void whatFollowsFromShapesStaysFloat() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, "n", 4)
            .output("y", FLOAT, "m", 4)
            .weights("w", 1, 4, 4)
            .numbers("zero", 0)
            .constant("two", "twice", 2f)
            .numbers("rest", 4)
            .node("MatMul", List.of("x", "w"), List.of("h"))
            .node("Shape", List.of("h"), List.of("shape"))
            .node("Gather", List.of("shape", "zero"), List.of("rows"), integer("axis", 0))
            .node("Cast", List.of("rows"), List.of("real"), integer("to", 1))
            .node("Mul", List.of("real", "twice"), List.of("more"))
            .node("Div", List.of("more", "twice"), List.of("less"))
            .node("Cast", List.of("less"), List.of("whole"), integer("to", 7))
            .node("Concat", List.of("whole", "rest"), List.of("target"), integer("axis", 0))
            .node("Reshape", List.of("h", "target"), List.of("y"));
    Converted converted = convert(graph);
    assertThat(converted.result().keptReasons())
        .containsOnlyKeys("real", "more", "less", "whole")
        .containsValue("computes with extents of shapes");
    assertThat(converted.type("h")).isEqualTo(FLOAT16);
    assertThat(converted.casts()).isEqualTo(4);
    assertThat(converted.type("shape")).isEqualTo(INT64);
    // 2049 rows, which FLOAT16 can't count.
    assertThat(
            converted
                .model()
                .run(converted.graph(), List.of(PlainTensor.normal(1, 2049, 4)))
                .getFirst()
                .shape())
        .isEqualTo(Shape.of(2049, 4));
  }

  @Test
  void anglesOfPositionsStayFloat() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("positions", INT64, 1, 6)
            .input("x", FLOAT, 1, 6)
            .output("y", FLOAT, 1, 6)
            .weights("frequency", 1, 6)
            .node("Cast", List.of("positions"), List.of("real"), integer("to", 1))
            .node("Mul", List.of("real", "frequency"), List.of("angle"))
            .node("Cos", List.of("angle"), List.of("cos"))
            .node("Sin", List.of("x"), List.of("sin"))
            .node("Mul", List.of("sin", "cos"), List.of("y"));
    assertThat(convert(graph).result().keptReasons())
        .isEqualTo(
            Map.of(
                "real", "computes the angles of positions",
                "angle", "computes the angles of positions",
                "cos", "computes the angles of positions"));
  }

  @Test
  void someInputsAreNoData() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 1, 2, 4, 4)
            .output("y", FLOAT, 1, 2, 8, 8)
            .initializer(
                TensorProto.newBuilder()
                    .setName("scales")
                    .setDataType(1)
                    .addDims(4)
                    .addAllFloatData(List.of(1f, 1f, 2f, 2f))
                    .build())
            .node("Sigmoid", List.of("x"), List.of("s"))
            .node("Resize", List.of("s", "", "scales"), List.of("y"));
    Converted converted = convert(graph);
    assertThat(converted.result().keptReasons()).isEmpty();
    assertThat(converted.type("s")).isEqualTo(FLOAT16);
    assertThat(converted.type("scales")).isEqualTo(FLOAT);
  }

  @Test
  void nodesThatPassValuesOnFollowTheirNeighbours() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 2, 4)
            .output("y", FLOAT, 4, 2)
            .numbers("flat", 8)
            .numbers("turned", 4, 2)
            .node("Tanh", List.of("x"), List.of("t"))
            .node("Reshape", List.of("t", "flat"), List.of("r"))
            .node("Neg", List.of("r"), List.of("n"))
            .node("Reshape", List.of("n", "turned"), List.of("q"))
            .node("Atan", List.of("q"), List.of("y"));
    assertThat(convert(graph, "t", "y").casts()).isZero();
    assertThat(convert(graph, "t", "y").result().keptReasons())
        .containsEntry("n", "only passes on what is FLOAT around it");
    assertThat(convert(graph, "t").casts()).isEqualTo(2);
    assertThat(convert(graph, "y").casts()).isEqualTo(2);
    assertThat(convert(graph).casts()).isEqualTo(2);
    // A node that is asked for stays, even between others.
    assertThat(convert(graph, "n").casts()).isEqualTo(4);
  }

  @Test
  void castsThatWereThereDoNotPairUp() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("h", FLOAT16, 2, 4)
            .input("k", INT64, 2, 4)
            .output("y", FLOAT, 2, 4)
            .output("d", FLOAT16, 2, 4)
            .node("Cast", List.of("h"), List.of("f"), integer("to", 1))
            .node("Cast", List.of("k"), List.of("g"), integer("to", 1))
            .node("Exp", List.of("f"), List.of("e"))
            .node("Mul", List.of("f", "g"), List.of("m"))
            .node("Cast", List.of("m"), List.of("d"), integer("to", 10))
            .node("Add", List.of("m", "e"), List.of("y"));
    Converted converted = convert(graph);
    assertThat(converted.operators())
        .containsExactly("Identity", "Cast", "Exp", "Mul", "Identity", "Add", "Cast");
    assertThat(converted.type("g")).isEqualTo(FLOAT16);
    assertThat(convert(graph, "e").casts()).isEqualTo(4);
    Converted kept = convert(graph, "e", "f");
    // e takes f as it is; m takes h itself.
    assertThat(kept.maker("m").getInputList()).containsExactly("h", "g");
    assertThat(kept.maker("e").getInput(0)).isEqualTo("f");
  }

  @Test
  void operatorsThatTheStandardLacksInTheTypeStayFloat() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, 1, 2, 4, 4)
            .output("y", FLOAT, 1, 3, 2, 2)
            .output("z", FLOAT, 1, 3, 2, 2)
            .weights("w", 1, 3, 2, 3, 3)
            .node("Conv", List.of("x", "w"), List.of("y"))
            .node("Celu", List.of("y"), List.of("z"));
    assertThat(convert(graph).result().keptReasons())
        .isEqualTo(Map.of("z", "has no form of FLOAT16 in the standard's operator set 17"));
    assertThat(convert(graph, BFLOAT16, false).result().keptReasons()).containsKeys("y", "z");
    assertThat(convert(graph.opset(22), BFLOAT16, false).result().keptReasons())
        .containsOnlyKeys("z");
    assertThatThrownBy(() -> convert(graph.opset(12), BFLOAT16, false))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessage(
            "BFLOAT16 needs the operator set 13, and the model has 12; export it with a later one");
  }

  @Test
  void operatorsOfOthersStayFloat() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .domain("com.microsoft", 1)
            .input("x", FLOAT, 2, 4)
            .output("y", FLOAT, 2, 4)
            .node("Tanh", List.of("x"), List.of("t"))
            .named("gelu", "com.microsoft::Gelu", List.of("t"), List.of("y"));
    assertThat(convert(graph).result().keptReasons())
        .isEqualTo(
            Map.of(
                "y", "is of the domain 'com.microsoft', whose types the standard does not tell"));
  }

  @Test
  void quantizationTakesTheTypeAroundIt() throws Exception {
    OnnxGraphs graph = new OnnxGraphs().opset(21).irVersion(10);
    graph.input("x", FLOAT, 2, 4).output("y", FLOAT, 2, 4).weights("w", 1, 4, 4);
    scalar(graph, "scale", 0.05f)
        .initializer(
            TensorProto.newBuilder().setName("zero").setDataType(3).addInt32Data(0).build())
        .node("MatMul", List.of("x", "w"), List.of("m"))
        .node("QuantizeLinear", List.of("m", "scale", "zero"), List.of("q"))
        .node("DequantizeLinear", List.of("q", "scale", "zero"), List.of("d"))
        .node("MatMul", List.of("d", "w"), List.of("y"));
    Converted converted = convert(graph);
    assertThat(converted.result().keptReasons()).isEmpty();
    assertThat(converted.casts()).isEqualTo(2);
    assertThat(converted.type("d")).isEqualTo(FLOAT16);
    assertThat(converted.type("scale")).isEqualTo(FLOAT16);
    OnnxGraphs small = new OnnxGraphs().opset(21).irVersion(10);
    scalar(small.input("x", FLOAT, 2, 4).output("y", FLOAT, 2, 4), "tiny", 7e-6f)
        .initializer(
            TensorProto.newBuilder().setName("zero").setDataType(3).addInt32Data(0).build())
        .node("Tanh", List.of("x"), List.of("t"))
        .node("QuantizeLinear", List.of("t", "tiny", "zero"), List.of("q"))
        .node("DequantizeLinear", List.of("q", "tiny", "zero"), List.of("y"));
    assertThat(convert(small).result().keptReasons())
        .containsOnlyKeys("q", "y")
        .containsValue(
            "takes the scale 'tiny', which holds 7.00000e-06, too small for 8 bits of it in"
                + " FLOAT16");
    // Before operator set 19 QuantizeLinear takes FLOAT alone.
    assertThat(convert(graph.opset(13)).result().keptReasons()).containsKey("q");
  }

  /** 128 steps of 512 are past 65504, though 512 is not. */
  @Test
  void whatTheStepsOfAScaleOverflowStaysFloat() throws Exception {
    OnnxGraphs graph = new OnnxGraphs().opset(21).irVersion(10);
    graph.input("x", INT8, 2, 4).output("y", FLOAT, 2, 4).output("z", FLOAT, 2, 4);
    graph.weights("w", 1, 4, 4);
    scalar(scalar(graph, "far", 512), "near", 511)
        .initializer(
            TensorProto.newBuilder().setName("zero").setDataType(3).addInt32Data(0).build())
        .node("DequantizeLinear", List.of("x", "far", "zero"), List.of("d"))
        .node("MatMul", List.of("d", "w"), List.of("y"))
        .node("DequantizeLinear", List.of("x", "near", "zero"), List.of("e"))
        .node("MatMul", List.of("e", "w"), List.of("z"));
    assertThat(convert(graph).result().keptReasons())
        .isEqualTo(
            Map.of(
                "d",
                "takes the scale 'far', 128 steps of which are 65536.0, past FLOAT16's largest,"
                    + " 65504.0",
                "y",
                "takes 'd', which follows from a constant past FLOAT16's range"));
  }

  @Test
  void rangesTellWhatOverflows() {
    Graph graph = TypedModel.of(perceptron(), folder).graph();
    HalfPrecision half = new HalfPrecision(FLOAT16, Set.of(), false);
    double[] small = {-10, 10};
    Map<String, double[]> ranges =
        Map.of("x", small, "p", small, "s", new double[] {-16377, 3}, "r", small, "y", small);
    assertThat(half.overflowing(graph, ranges)).containsOnlyKeys("s", "r");
    assertThat(half.overflowing(graph, ranges).get("r"))
        .isEqualTo(
            "has 's', which was seen up to 16377.0; FLOAT16 ends at 65504.0, and 4.00000 times as"
                + " much must fit");
    assertThat(half.overflowing(graph, Map.of("s", new double[] {-16376, 16376}))).isEmpty();
    assertThat(half.overflowing(graph, Map.of("r", new double[] {0, 0x1p-21})))
        .containsOnlyKeys("r", "y")
        .containsEntry(
            "y", "has 'r', which was seen up to 4.76837e-07 only, less than 4 bits of FLOAT16");
    assertThat(half.overflowing(graph, Map.of("r", new double[] {0, 0}))).isEmpty();
    assertThat(
            new HalfPrecision(BFLOAT16, Set.of(), false)
                .overflowing(graph, Map.of("s", new double[] {0, 1e30}, "r", new double[2])))
        .isEmpty();
  }

  @Test
  void onlyTypesOfHalfTheBitsAreTaken() {
    assertThatThrownBy(() -> new HalfPrecision(ElementType.INT8, Set.of(), false))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
