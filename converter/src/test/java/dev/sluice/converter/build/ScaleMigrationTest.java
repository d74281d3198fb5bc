package dev.sluice.converter.build;

import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.precision.BarNotMetException;
import dev.sluice.converter.precision.Conversion;
import dev.sluice.converter.precision.LossBar;
import dev.sluice.converter.precision.MigratedGraphs;
import dev.sluice.converter.precision.PrecisionOptions;
import dev.sluice.converter.precision.SourceModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Networks with channels that are far larger than their neighbours, as trained ones have. */
class ScaleMigrationTest {
  private static final int HIDDEN = 32;
  private static final int TOKENS = 12;

  /** How far channels 3 and 17 stick out. */
  private static final double OUTLIER = 60;

  @TempDir private Path folder;

  /** What a network is made of. */
  enum Form {
    LAYER_NORMALIZATION,
    SINGLE_OPERATORS,
    CONVOLUTIONS
  }

  @SuppressWarnings("ArrayRecordComponent") // nobody compares or changes it
  private record Samples(long seed, long... row) implements CalibrationSource {
    @Override
    public int count() {
      return 40;
    }

    @Override
    public Map<String, NpyArray> sample(int index) {
      Random random = new Random(seed * 1000 + index);
      return Map.of(
          "x",
          new NpyArray(
              ElementType.FLOAT,
              Shape.of(row),
              MemorySegment.ofArray(
                  bytes((int) Shape.of(row).elementCount(), _ -> random.nextGaussian()))));
    }
  }

  private static byte[] bytes(int count, IntToDoubleFunction value) {
    ByteBuffer bytes = ByteBuffer.allocate(count * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      bytes.putFloat((float) value.applyAsDouble(i));
    }
    return bytes.array();
  }

  private static boolean sticksOut(long channel) {
    return channel == 3 || channel == 17;
  }

  /** Normal numbers, changed where the index along an axis is that of a channel that sticks out. */
  private static TensorProto planted(
      String name,
      long seed,
      double deviation,
      int axis,
      DoubleUnaryOperator change,
      long... dims) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(1);
    long inner = 1;
    int count = 1;
    for (int i = 0; i < dims.length; i++) {
      tensor.addDims(dims[i]);
      inner *= i > axis ? dims[i] : 1;
      count *= (int) dims[i];
    }
    long each = inner;
    Random random = new Random(seed);
    byte[] bytes =
        bytes(
            count,
            i -> {
              double value = random.nextGaussian() * deviation;
              boolean out = axis >= 0 && sticksOut(i / each % dims[axis]);
              return out ? change.applyAsDouble(value) : value;
            });
    return tensor.setRawData(ByteString.copyFrom(bytes)).build();
  }

  private static TensorProto matrix(String name, long seed, int rows, int columns, boolean small) {
    return planted(
        name, seed, 1 / Math.sqrt(rows), small ? 0 : -1, v -> v / OUTLIER, rows, columns);
  }

  private static TensorProto gamma(String name) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(1).addDims(HIDDEN);
    for (int i = 0; i < HIDDEN; i++) {
      tensor.addFloatData((float) (sticksOut(i) ? OUTLIER : 1));
    }
    return tensor.build();
  }

  private static OnnxGraphs encoder(boolean single) {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", TOKENS, HIDDEN)
            .output("y", ElementType.FLOAT, "N", TOKENS, HIDDEN)
            .initializer(gamma("gamma1"))
            .initializer(gamma("gamma2"))
            .initializer(planted("beta1", 1, 0.3, 0, v -> v * OUTLIER, HIDDEN))
            .initializer(planted("beta2", 2, 0.3, 0, v -> v * OUTLIER, HIDDEN))
            .initializer(matrix("wq", 3, HIDDEN, HIDDEN, true))
            .initializer(matrix("wk", 4, HIDDEN, HIDDEN, true))
            .initializer(matrix("wv", 5, HIDDEN, HIDDEN, true))
            .initializer(matrix("wo", 6, HIDDEN, HIDDEN, false))
            .initializer(matrix("w1", 7, HIDDEN, 2 * HIDDEN, true))
            .initializer(matrix("w2", 8, 2 * HIDDEN, HIDDEN, false))
            .weights("b1", 9, 2 * HIDDEN);
    normalization(graph, "x", "h", "1", single);
    graph
        .node("MatMul", List.of("h", "wq"), List.of("q"))
        .node("MatMul", List.of("h", "wk"), List.of("k"))
        .node("MatMul", List.of("h", "wv"), List.of("v"))
        .node("Transpose", List.of("k"), List.of("kt"), integers("perm", 0L, 2L, 1L))
        .node("MatMul", List.of("q", "kt"), List.of("s"))
        .node("Softmax", List.of("s"), List.of("p"), integer("axis", -1))
        .node("MatMul", List.of("p", "v"), List.of("c"))
        .node("MatMul", List.of("c", "wo"), List.of("o"))
        .node("Add", List.of("x", "o"), List.of("r"));
    normalization(graph, "r", "g", "2", single);
    return graph
        .node("MatMul", List.of("g", "w1"), List.of("f"))
        .node("Add", List.of("f", "b1"), List.of("a"))
        .node("Relu", List.of("a"), List.of("e"))
        .node("MatMul", List.of("e", "w2"), List.of("y"));
  }

  /** A layer normalization as one node, or as older exporters spell it out. */
  private static void normalization(
      OnnxGraphs graph, String from, String to, String number, boolean single) {
    String gamma = "gamma" + number;
    String beta = "beta" + number;
    if (!single) {
      graph.node(
          "LayerNormalization", List.of(from, gamma, beta), List.of(to), integer("axis", -1));
      return;
    }
    TensorProto epsilon =
        TensorProto.newBuilder().setName("e" + to).setDataType(1).addFloatData(1e-5f).build();
    graph
        .initializer(epsilon)
        .node("ReduceMean", List.of(from), List.of("m" + to), integers("axes", -1L))
        .node("Sub", List.of(from, "m" + to), List.of("d" + to))
        .node("Mul", List.of("d" + to, "d" + to), List.of("s" + to))
        .node("ReduceMean", List.of("s" + to), List.of("v" + to), integers("axes", -1L))
        .node("Add", List.of("v" + to, "e" + to), List.of("w" + to))
        .node("Sqrt", List.of("w" + to), List.of("r" + to))
        .node("Div", List.of("d" + to, "r" + to), List.of("n" + to))
        .node("Mul", List.of("n" + to, gamma), List.of("t" + to))
        .node("Add", List.of("t" + to, beta), List.of(to));
  }

  /** Everything that scales move through: groups, pooling, a Concat, a shortcut. */
  private static OnnxGraphs convolutions() {
    DoubleUnaryOperator large = v -> v * OUTLIER;
    DoubleUnaryOperator small = v -> v / OUTLIER;
    return new OnnxGraphs()
        .input("x", ElementType.FLOAT, "N", 3, 8, 8)
        .output("y", ElementType.FLOAT, "N", 20)
        .initializer(planted("w0", 1, 0.2, 0, large, 24, 3, 3, 3))
        .initializer(planted("b0", 2, 0.2, 0, large, 24))
        .initializer(planted("w1", 3, 0.4, -1, large, 24, 1, 3, 3))
        .initializer(planted("w2", 4, 0.2, 1, small, 16, 24, 1, 1))
        .initializer(planted("w3", 5, 0.1, 1, small, 16, 24, 3, 3))
        .initializer(planted("w4", 6, 0.2, -1, small, 32, 16, 1, 1))
        .initializer(planted("w5", 7, 0.2, -1, small, 32, 24, 3, 3))
        .initializer(planted("w6", 8, 0.2, -1, small, 20, 32))
        .initializer(planted("b6", 9, 0.2, -1, small, 20))
        .node("Conv", List.of("x", "w0", "b0"), List.of("c0"), integers("pads", 1L, 1L, 1L, 1L))
        .node("Relu", List.of("c0"), List.of("r0"))
        .node("MaxPool", List.of("r0"), List.of("p0"), integers("kernel_shape", 2L, 2L))
        .node(
            "Conv",
            List.of("p0", "w1"),
            List.of("c1"),
            integer("group", 24),
            integers("pads", 1L, 1L, 1L, 1L))
        .node("Relu", List.of("c1"), List.of("r1"))
        .node("Conv", List.of("r1", "w2"), List.of("c2"))
        .node("Conv", List.of("r1", "w3"), List.of("c3"), integers("pads", 1L, 1L, 1L, 1L))
        .node("Concat", List.of("c2", "c3"), List.of("j"), integer("axis", 1))
        .node("LeakyRelu", List.of("j"), List.of("l"))
        .node("Conv", List.of("l", "w4"), List.of("c4"), integer("group", 2))
        .node("Conv", List.of("p0", "w5"), List.of("c5"), integers("pads", 1L, 1L, 1L, 1L))
        .node("Add", List.of("c4", "c5"), List.of("a"))
        .node("Relu", List.of("a"), List.of("r"))
        .node("GlobalAveragePool", List.of("r"), List.of("g"))
        .node("Flatten", List.of("g"), List.of("f"))
        .node("Gemm", List.of("f", "w6", "b6"), List.of("y"), integer("transB", 1));
  }

  private static Samples samples(Form form) {
    return form == Form.CONVOLUTIONS
        ? new Samples(2, 1, 3, 8, 8)
        : new Samples(1, 1, TOKENS, HIDDEN);
  }

  private Path packed(Form form) throws IOException {
    OnnxGraphs graph =
        switch (form) {
          case LAYER_NORMALIZATION -> encoder(false);
          case SINGLE_OPERATORS -> encoder(true);
          case CONVOLUTIONS -> convolutions();
        };
    Path source = folder.resolve("model.sluice");
    var _ =
        ModelBuilder.build(
            graph.write(folder.resolve("model.onnx")), source, BuildOptions.defaults());
    return source;
  }

  private Conversion int8(Form form, LossBar bar) throws IOException, BarNotMetException {
    PrecisionOptions plain = PrecisionOptions.defaults();
    return PrecisionBuilder.build(
            packed(form),
            folder.resolve("int8.sluice"),
            "int8",
            BuildOptions.defaults(),
            new PrecisionOptions(
                plain.calibrator(), bar, List.of(), PrecisionOptions.CpuGraph.INT8),
            samples(form),
            null,
            Progress.NONE)
        .conversion();
  }

  /** Without the pass TensorRT's graphs of the encoders have 5 dB; with it 34. */
  @ParameterizedTest
  @EnumSource(Form.class)
  void channelsThatStickOutCostNothing(Form form) throws IOException, BarNotMetException {
    Conversion made = int8(form, new LossBar(LossBar.Unit.DECIBEL, 0));
    assertThat(made.cpuNote()).contains("scale migration kept");
    assertThat(made.tensorRtLoss().sqnrDb()).as(made.cpuNote()).isGreaterThan(25);
    assertThat(made.cpuLoss().sqnrDb()).as(made.cpuNote()).isGreaterThan(25);
  }

  /** Under a bar that no 8 bits hold nothing is moved either: the model's own graph is left. */
  @Test
  void withoutEightBitsNoScaleIsMoved() throws IOException, BarNotMetException {
    Conversion made = int8(Form.LAYER_NORMALIZATION, new LossBar(LossBar.Unit.DECIBEL, 150));
    assertThat(made.cpuNote()).contains("scale migration kept");
    assertThat(made.tensorRt().initializers().keySet()).noneMatch(n -> n.contains("_migrated"));
    assertThat(made.tensorRtLoss().sqnrDb()).isGreaterThan(150);
  }

  /** Moved scales alone cost no more than the rounding of the constants that they change. */
  @ParameterizedTest
  @EnumSource(Form.class)
  void theFunctionStaysTheSame(Form form) throws IOException, BarNotMetException {
    Path source = packed(form);
    try (SourceModel model = SourceModel.open(source, Manifest.CPU, List.of())) {
      Samples samples = samples(form);
      Graph moved = MigratedGraphs.of(model, samples);
      assertThat(moved.initializers().keySet())
          .filteredOn(name -> name.contains("_migrated"))
          .hasSizeGreaterThan(5);
      assertThat(MigratedGraphs.sqnrDb(model, samples, moved)).isGreaterThan(110);
    }
  }

  /** The last normalization of an encoder feeds a shortcut, which scales can't move through. */
  @Test
  void whatSomebodyElseTakesKeepsItsScale() throws IOException, BarNotMetException {
    Path source = folder.resolve("model.sluice");
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", TOKENS, HIDDEN)
            .output("y", ElementType.FLOAT, "N", TOKENS, HIDDEN)
            .initializer(gamma("gamma1"))
            .weights("beta1", 1, HIDDEN)
            .initializer(matrix("w", 3, HIDDEN, HIDDEN, true));
    normalization(graph, "x", "h", "1", false);
    graph
        .node("MatMul", List.of("h", "w"), List.of("a"))
        .node("Sigmoid", List.of("h"), List.of("g"))
        .node("Mul", List.of("a", "g"), List.of("y"));
    var _ =
        ModelBuilder.build(
            graph.write(folder.resolve("model.onnx")), source, BuildOptions.defaults());
    Conversion made =
        PrecisionBuilder.build(
                source,
                folder.resolve("int8.sluice"),
                "int8",
                BuildOptions.defaults(),
                new PrecisionOptions(
                    PrecisionOptions.defaults().calibrator(),
                    new LossBar(LossBar.Unit.DECIBEL, 0),
                    List.of(),
                    PrecisionOptions.CpuGraph.INT8),
                new Samples(1, 1, TOKENS, HIDDEN),
                null,
                Progress.NONE)
            .conversion();
    assertThat(made.cpuNote()).contains("error feedback").doesNotContain("scale migration");
    assertThat(made.tensorRt().initializers().keySet()).noneMatch(n -> n.contains("_migrated"));
  }
}
