package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BFLOAT16;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.FLOAT16;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions.Optimization;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.Reals;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.precision.HalfEmulation;
import dev.sluice.converter.precision.HalfPrecision;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** That FLOAT operators with pairs of Casts give what operators of 16 bits give. */
class HalfEmulationTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261126L);
  private static final int GRAPHS = 12 * Integer.getInteger("sluice.effort", 1);

  @TempDir private Path folder;

  /** y = x 300 / 300, which is infinite in between where x is 1000 and the type FLOAT16. */
  private static OnnxGraphs upAndDown() {
    return new OnnxGraphs()
        .input("x", FLOAT, "n")
        .output("y", FLOAT, "n")
        .constant("number", "c", 300f)
        .node("Mul", List.of("x", "c"), List.of("m"))
        .node("Div", List.of("m", "c"), List.of("y"));
  }

  private float[] run(TypedModel model, Graph graph, Optimization optimization, float... x)
      throws IOException {
    SampleTensor input = new SampleTensor(FLOAT, Shape.of(x.length), MemorySegment.ofArray(x));
    return model
        .run(graph, optimization, List.of(input))
        .getFirst()
        .data()
        .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static Graph typed(TypedModel model, ElementType type, boolean lowIo) throws IOException {
    return new HalfPrecision(type, Set.of(), lowIo).apply(model.graph(), model.weights()).graph();
  }

  @ParameterizedTest
  @EnumSource
  void whatOverflowsComesOutInfinite(Optimization optimization) throws Exception {
    TypedModel model = TypedModel.of(upAndDown(), folder);
    Graph emulated = HalfEmulation.of(typed(model, FLOAT16, false), model.weights());
    assertThat(run(model, emulated, optimization, 1000, -1000, 100))
        .containsExactly(Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 100);
    // The graph without pairs of Casts tells nothing of it.
    assertThat(run(model, model.graph(), optimization, 1000)).containsExactly(1000);
  }

  @ParameterizedTest
  @EnumSource
  void bfloat16KeepsEightBits(Optimization optimization) throws Exception {
    TypedModel model = TypedModel.of(upAndDown(), folder);
    Graph emulated = HalfEmulation.of(typed(model, BFLOAT16, false), model.weights());
    // 300000 is 299008, and a 300th of that, 996.7, is 996.
    assertThat(run(model, emulated, optimization, 1000)).containsExactly(996);
    TypedModel same =
        TypedModel.of(
            new OnnxGraphs()
                .input("x", FLOAT, "n")
                .output("y", FLOAT, "n")
                .node("Cast", List.of("x"), List.of("b"), integer("to", BFLOAT16.code()))
                .node("Cast", List.of("b"), List.of("y"), integer("to", FLOAT.code())),
            folder);
    // 1 + 2^-8 and 1 + 3 2^-8 are halfway between two, of which one is even.
    Graph rounding = HalfEmulation.of(same.graph(), same.weights());
    assertThat(
            run(
                same,
                rounding,
                optimization,
                1 + 0x1p-8f,
                1 + 0x3p-8f,
                1 + 0x1.001p-8f,
                Float.MAX_VALUE))
        .containsExactly(1, 1 + 0x1p-6f, 1 + 0x1p-7f, Float.POSITIVE_INFINITY);
  }

  @Test
  void operatorsComputeInFloatAndConstantsAreRounded() throws Exception {
    TypedModel model =
        TypedModel.of(
            new OnnxGraphs()
                .input("x", FLOAT, 2, 4)
                .output("y", FLOAT, 2, 3)
                .weights("w", 1, 4, 3)
                .numbers("shape", 2, 3)
                .node("MatMul", List.of("x", "w"), List.of("m"))
                .node("Reshape", List.of("m", "shape"), List.of("r"))
                .node("Tanh", List.of("r"), List.of("y")),
            folder);
    Graph emulated = HalfEmulation.of(typed(model, FLOAT16, false), model.weights());
    // Inputs are rounded first; a Reshape passes on what has been; the output is rounded, too.
    assertThat(emulated.nodes())
        .extracting(NodeProto::getOpType)
        .containsExactly(
            "Cast", "Cast", "Cast", "MatMul", "Cast", "Cast", "Reshape", "Tanh", "Cast", "Cast",
            "Cast");
    assertThat(emulated.type("w").type()).isEqualTo(FLOAT);
    MemorySegment rounded = model.weights().bytes(emulated.constant("w"));
    MemorySegment old = model.weights().bytes(model.graph().constant("w"));
    for (int i = 0; i < 12; i++) {
      float number = (float) Reals.get(FLOAT, old, i);
      assertThat(Reals.get(FLOAT, rounded, i))
          .isEqualTo(Float.float16ToFloat(Float.floatToFloat16(number)));
    }
  }

  @Test
  void inputsAndOutputsKeepTheirTypes() throws Exception {
    TypedModel model = TypedModel.of(upAndDown(), folder);
    Graph emulated = HalfEmulation.of(typed(model, FLOAT16, true), model.weights());
    assertThat(emulated.type("x").type()).isEqualTo(FLOAT16);
    assertThat(emulated.type("y").type()).isEqualTo(FLOAT16);
    short[] x = {Float.floatToFloat16(1000), Float.floatToFloat16(-2)};
    PlainTensor input = PlainTensor.of(FLOAT16, Shape.of(2), MemorySegment.ofArray(x));
    PlainTensor y = model.run(emulated, List.of(input)).getFirst();
    assertThat(Reals.get(FLOAT16, y.data(), 0)).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(Reals.get(FLOAT16, y.data(), 1)).isEqualTo(-2);
  }

  @Test
  void aGraphWithoutSuchTypesStaysAsItIs() throws Exception {
    TypedModel model = TypedModel.of(upAndDown(), folder);
    assertThat(HalfEmulation.of(model.graph(), model.weights()).model())
        .isEqualTo(model.graph().model());
  }

  static LongStream seeds() {
    return LongStream.range(SEED, SEED + GRAPHS);
  }

  /** Random networks: as good as the type is, with all values in it, however it is optimized. */
  @ParameterizedTest
  @MethodSource("seeds")
  void randomNetworksLoseNoMoreThanTheTypeDoes(long seed) throws Exception {
    TypedModel model =
        TypedModel.of(new RandomGraphsTest.Network(seed).grown().opset(22).irVersion(10), folder);
    long[] dims = model.graph().staticDims("x");
    PlainTensor x = PlainTensor.normal(~seed, dims);
    SampleTensor sample = new SampleTensor(FLOAT, x.shape(), x.data());
    PlainTensor expected = model.run(model.graph(), List.of(x)).getFirst();
    for (ElementType type : List.of(FLOAT16, BFLOAT16)) {
      String what = "seed " + seed + ", " + type;
      Graph typed = typed(model, type, false);
      Graph emulated = HalfEmulation.of(typed, model.weights());
      for (Optimization optimization : List.of(Optimization.NONE, Optimization.ALL)) {
        MemorySegment y = model.run(emulated, optimization, List.of(sample)).getFirst().data();
        double most = 0;
        for (int i = 0; i < expected.shape().elementCount(); i++) {
          double number = Reals.get(FLOAT, y, i);
          short[] rounded = new short[1];
          Reals.set(type, MemorySegment.ofArray(rounded), 0, number);
          assertThat(Reals.get(type, MemorySegment.ofArray(rounded), 0)).as(what).isEqualTo(number);
          most = Math.max(most, Math.abs(number - Reals.get(FLOAT, expected.data(), i)));
        }
        // The output is a tangent of sums of some tens of products of numbers around 1.
        assertThat(most).as(what + ", " + optimization).isLessThan(type == FLOAT16 ? 0.05 : 0.4);
      }
      if (type == FLOAT16) {
        PlainTensor direct = model.run(typed, List.of(x)).getFirst();
        assertThat(direct.difference(expected, 0, 0.05)).as(what).isNull();
      }
    }
  }
}
