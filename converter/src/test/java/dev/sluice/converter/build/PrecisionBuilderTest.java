package dev.sluice.converter.build;

import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Calibrator;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.calibrate.SampleCheck;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.precision.BarNotMetException;
import dev.sluice.converter.precision.LossBar;
import dev.sluice.converter.precision.PrecisionOptions;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.HashSet;
import java.util.Set;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PrecisionBuilderTest {
  private static final LossBar ANY = new LossBar(LossBar.Unit.DECIBEL, 0);

  @TempDir private Path folder;

  /** Normal numbers for one input, each sample a row. */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares or changes it
  private record Normal(String input, int count, long seed, double scale, long... row)
      implements CalibrationSource {
    @Override
    public Map<String, NpyArray> sample(int index) {
      Random random = new Random(seed * 1000 + index);
      Shape shape = Shape.of(row);
      ByteBuffer bytes =
          ByteBuffer.allocate((int) shape.elementCount() * 4).order(ByteOrder.LITTLE_ENDIAN);
      while (bytes.hasRemaining()) {
        bytes.putFloat((float) (random.nextGaussian() * scale));
      }
      return Map.of(
          input, new NpyArray(ElementType.FLOAT, shape, MemorySegment.ofArray(bytes.array())));
    }
  }

  private static final CalibrationSource IMAGES = new Normal("x", 20, 1, 1, 1, 3, 8, 8);

  /** Convolutions with everything that may stand between them. */
  private static OnnxGraphs residual() {
    return new OnnxGraphs()
        .input("x", ElementType.FLOAT, "N", 3, 8, 8)
        .output("y", ElementType.FLOAT, "N", 10)
        .weights("w0", 1, 16, 3, 3, 3)
        .weights("b0", 2, 16)
        .weights("w1", 3, 16, 16, 3, 3)
        .weights("w2", 4, 16, 16, 1, 1)
        .weights("w3", 5, 16, 32, 1, 1)
        .weights("w4", 6, 16, 20)
        .weights("b4", 7, 20)
        .weights("w5", 8, 20, 10)
        .node("Conv", List.of("x", "w0", "b0"), List.of("c0"), integers("pads", 1L, 1L, 1L, 1L))
        .node("Relu", List.of("c0"), List.of("r0"))
        .node("Conv", List.of("r0", "w1"), List.of("c1"), integers("pads", 1L, 1L, 1L, 1L))
        .node("Add", List.of("c1", "r0"), List.of("a1"))
        .node("Relu", List.of("a1"), List.of("r1"))
        .node(
            "MaxPool",
            List.of("r1"),
            List.of("p1"),
            integers("kernel_shape", 2L, 2L),
            integers("strides", 2L, 2L))
        .node("Conv", List.of("p1", "w2"), List.of("c2"))
        .node("Relu", List.of("c2"), List.of("r2"))
        .node("Concat", List.of("r2", "p1"), List.of("j"), integer("axis", 1))
        .node("Conv", List.of("j", "w3"), List.of("c3"))
        .node("Relu", List.of("c3"), List.of("r3"))
        .node("GlobalAveragePool", List.of("r3"), List.of("g"))
        .node("Flatten", List.of("g"), List.of("f"))
        .node("Gemm", List.of("f", "w4", "b4"), List.of("h"))
        .node("Relu", List.of("h"), List.of("s"))
        .node("MatMul", List.of("s", "w5"), List.of("y"));
  }

  private Path packed(OnnxGraphs graph) throws IOException {
    Path source = Files.createDirectories(folder.resolve("fp32")).resolve("model.sluice");
    var _ =
        ModelBuilder.build(
            graph.write(folder.resolve("model.onnx")), source, BuildOptions.defaults());
    return source;
  }

  private static PrecisionOptions options(LossBar bar, String... excluded) {
    return new PrecisionOptions(
        Calibrator.MSE, bar, List.of(excluded), PrecisionOptions.CpuGraph.INT8);
  }

  private PrecisionBuilder.Built int8(
      OnnxGraphs graph, CalibrationSource samples, PrecisionOptions options)
      throws IOException, BarNotMetException {
    return PrecisionBuilder.build(
        packed(graph),
        folder.resolve("int8.sluice"),
        "int8",
        BuildOptions.defaults(),
        options,
        samples,
        null,
        Progress.NONE);
  }

  private ModelProto graph(String backend) throws IOException {
    try (SluicePackage opened = PackageReader.open(folder.resolve("int8.sluice"))) {
      return ModelProto.parseFrom(opened.graph(backend).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  private static List<String> operators(ModelProto model) {
    return model.getGraph().getNodeList().stream().map(NodeProto::getOpType).toList();
  }

  /** The type of the codes of each QuantizeLinear, and whether their zero is at 0. */
  private static void checkActivations(GraphProto graph, int type, boolean symmetric) {
    Map<String, TensorProto> constants = new HashMap<>();
    graph.getInitializerList().forEach(tensor -> constants.put(tensor.getName(), tensor));
    int checked = 0;
    for (NodeProto node : graph.getNodeList()) {
      if (node.getOpType().equals("QuantizeLinear")) {
        TensorProto scale = constants.get(node.getInput(1));
        TensorProto zero = constants.get(node.getInput(2));
        assertThat(scale.getDimsCount()).isZero();
        assertThat(zero.getDataType()).isEqualTo(type);
        assertThat(!symmetric || zero.getRawData().byteAt(0) == 0).isTrue();
        checked++;
      }
    }
    assertThat(checked).isPositive();
  }

  /** Which layers these are depends on the machine; what is said of each must be so. */
  @Test
  void theCpuGraphHasTheLayersInFp32ThatThePackageSaysItHas() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", 3, 96, 96)
            .output("y", ElementType.FLOAT, "N", 64, 48, 48)
            .weights("w0", 1, 64, 3, 3, 3)
            .weights("w1", 2, 64, 64, 1, 1)
            .weights("w2", 3, 64, 64, 3, 3)
            .node(
                "Conv",
                List.of("x", "w0"),
                List.of("c0"),
                integers("pads", 1L, 1L, 1L, 1L),
                integers("strides", 2L, 2L))
            .node("Relu", List.of("c0"), List.of("r0"))
            .node("Conv", List.of("r0", "w1"), List.of("c1"))
            .node("Conv", List.of("c1", "w2"), List.of("y"), integers("pads", 1L, 1L, 1L, 1L));
    PrecisionOptions auto =
        new PrecisionOptions(Calibrator.MSE, ANY, List.of(), PrecisionOptions.CpuGraph.AUTO);
    PrecisionBuilder.Built built = int8(graph, new Normal("x", 8, 1, 1, 1, 3, 96, 96), auto);
    Set<String> initializers = new HashSet<>();
    ModelProto cpu = graph(Manifest.CPU);
    cpu.getGraph().getInitializerList().forEach(tensor -> initializers.add(tensor.getName()));
    boolean whole = built.conversion().cpuNote().startsWith("FP32");
    List<Manifest.Layer> layers = built.manifest().precision().layers();
    assertThat(layers).hasSize(3);
    // Weights may have another name by then, since passes change them; in INT8 they come out of a
    // DequantizeLinear.
    List<NodeProto> convs =
        cpu.getGraph().getNodeList().stream().filter(n -> n.getOpType().equals("Conv")).toList();
    assertThat(convs).hasSize(3);
    for (int i = 0; i < layers.size(); i++) {
      boolean exact = whole || layers.get(i).reason().contains("FP32 on the CPU, where alone INT8");
      assertThat(initializers.contains(convs.get(i).getInput(1)))
          .as("%s", layers.get(i))
          .isEqualTo(exact);
    }
  }

  /** Random weights, with what they are to one of the channels that they are for. */
  private static TensorProto withChannel(
      String name, long seed, int outputs, int inputs, boolean output, float value) {
    Random random = new Random(seed);
    ByteBuffer bytes = ByteBuffer.allocate(outputs * inputs * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < outputs; i++) {
      for (int j = 0; j < inputs; j++) {
        boolean special = output ? i == outputs - 1 : j == inputs - 1;
        bytes.putFloat(special ? value : (float) random.nextGaussian());
      }
    }
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(ElementType.FLOAT.code())
        .addAllDims(List.of((long) outputs, (long) inputs, 1L, 1L))
        .setRawData(ByteString.copyFrom(bytes.flip()))
        .build();
  }

  /**
   * A convolution between two in INT8 whose weights 8 bits can't hold: of a channel that is 0 it
   * takes a thousand times as much as of others. ONNX Runtime would quantize them by itself.
   */
  @Test
  void whatStaysInFp32IsComputedInFp32() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", 3, 8, 8)
            .output("y", ElementType.FLOAT, "N", 16, 8, 8)
            .initializer(withChannel("w0", 1, 16, 3, true, 0))
            .initializer(withChannel("w1", 2, 16, 16, false, 1000))
            .weights("w2", 3, 16, 16, 1, 1)
            .node("Conv", List.of("x", "w0"), List.of("c0"))
            .node("Conv", List.of("c0", "w1"), List.of("c1"))
            .node("Conv", List.of("c1", "w2"), List.of("y"));
    PrecisionBuilder.Built built = int8(graph, IMAGES, options(ANY, "c1"));
    assertThat(built.manifest().precision().layers())
        .extracting(Manifest.Layer::precision)
        .containsExactly("int8", "int8", "fp32");
    assertThat(built.conversion().cpuLoss().sqnrDb()).isGreaterThan(20);
    assertThat(built.conversion().tensorRtLoss().sqnrDb()).isGreaterThan(20);
    try (Engine fp32 = Engine.open(folder.resolve("fp32/model.sluice"));
        Engine served = Engine.open(folder.resolve("int8.sluice"))) {
      float[] row = new float[3 * 8 * 8];
      for (int i = 0; i < row.length; i++) {
        row[i] = (i * 37 % 64 - 32) / 16f;
      }
      float[] wanted = fp32.run(row);
      float[] actual = served.run(row);
      double signal = 0;
      double noise = 0;
      for (int i = 0; i < wanted.length; i++) {
        signal += wanted[i] * wanted[i];
        noise += (wanted[i] - actual[i]) * (wanted[i] - actual[i]);
      }
      assertThat(10 * Math.log10(signal / noise)).isGreaterThan(20);
    }
  }

  @Test
  void theGraphForTheCpuRunsOnCodesThroughout() throws Exception {
    PrecisionBuilder.Built built = int8(residual(), IMAGES, options(ANY));
    assertThat(built.conversion().cpuLoss().sqnrDb()).isGreaterThan(20);
    // The last product has but 10 columns.
    assertThat(built.conversion().layers())
        .filteredOn(layer -> layer.precision().equals("int8"))
        .hasSize(5);
    assertThat(built.conversion().layers().getLast().reason()).contains("20 x 10", "too small");
    assertThat(built.manifest().precision().overall()).isEqualTo("int8");
    ModelProto cpu = graph(Manifest.CPU);
    // The last Relu is between products whose result stays in FP32.
    assertThat(operators(cpu)).containsOnlyOnce("Relu");
    checkActivations(cpu.getGraph(), ElementType.UINT8.code(), false);
  }

  @Test
  void theGraphForTensorRtIsSymmetricAndKeepsTheRest() throws Exception {
    PrecisionBuilder.Built built = int8(residual(), IMAGES, options(ANY));
    assertThat(built.conversion().tensorRtLoss().sqnrDb()).isGreaterThan(20);
    assertThat(built.conversion().tensorRtProblems()).isEmpty();
    ModelProto tensorRt = graph(Manifest.TENSORRT);
    assertThat(operators(tensorRt)).contains("Relu", "Add", "Concat", "MaxPool");
    checkActivations(tensorRt.getGraph(), ElementType.INT8.code(), true);
    // The shortcut of the Add, which is the input of the convolution beside it, has one pair.
    NodeProto add =
        tensorRt.getGraph().getNodeList().stream()
            .filter(node -> node.getOpType().equals("Add"))
            .findFirst()
            .orElseThrow();
    assertThat(add.getInput(0)).isEqualTo("c1");
    assertThat(add.getInput(1)).startsWith("r0_dequantized");
    long pairs = operators(tensorRt).stream().filter("QuantizeLinear"::equals).count();
    assertThat(pairs).isEqualTo(5);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp16", "bf16"})
  void sixteenBitsAreForTensorRtAlone(String precision) throws Exception {
    Path source = packed(residual());
    PrecisionBuilder.Built built =
        PrecisionBuilder.build(
            source,
            folder.resolve("int8.sluice"),
            precision,
            BuildOptions.defaults(),
            options(new LossBar(LossBar.Unit.DECIBEL, 30)),
            IMAGES,
            folder.resolve("report"),
            Progress.NONE);
    assertThat(built.manifest().precision().overall()).isEqualTo(precision);
    assertThat(built.conversion().tensorRtProblems()).isEmpty();
    assertThat(built.conversion().tensorRtLoss().sqnrDb()).isBetween(30.0, 120.0);
    assertThat(operators(graph(Manifest.CPU))).doesNotContain("Cast");
    assertThat(operators(graph(Manifest.TENSORRT))).contains("Cast");
    // BF16 has convolutions from operator set 22 on, to which TensorRT's graph alone is raised.
    assertThat(built.conversion().layers())
        .filteredOn(layer -> layer.op().equals("Conv"))
        .hasSize(4)
        .allMatch(layer -> layer.precision().equals(precision));
    assertThat(built.manifest().graphs().get(Manifest.TENSORRT).opset())
        .isEqualTo(precision.equals("bf16") ? 22 : built.conversion().cpu().opset());
    assertThat(folder.resolve("report/report.html")).content().contains("30");
    // The golden samples are the source's, and the engine runs them when it opens.
    assertThat(built.manifest().golden()).isNotEmpty();
    Engine.open(folder.resolve("int8.sluice"), EngineOptions.defaults()).close();
  }

  /** A value that overflows half keeps its node in FP32, and the answer finite. */
  @Test
  void whatWouldOverflowStaysInFp32() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", 64)
            .output("y", ElementType.FLOAT, "N", 64)
            .weights("w0", 1, 64, 64)
            .weights("w1", 2, 64, 64)
            .node("MatMul", List.of("x", "w0"), List.of("h"))
            .node("MatMul", List.of("h", "w1"), List.of("y"));
    PrecisionBuilder.Built built =
        PrecisionBuilder.build(
            packed(graph),
            folder.resolve("int8.sluice"),
            "fp16",
            BuildOptions.defaults(),
            options(new LossBar(LossBar.Unit.DECIBEL, 30)),
            new Normal("x", 20, 1, 1e5, 1, 64),
            null,
            Progress.NONE);
    assertThat(built.conversion().layers())
        .allMatch(layer -> layer.precision().equals("fp32"))
        .allMatch(layer -> layer.reason().contains("FLOAT16 ends at 65504"));
    assertThat(built.conversion().tensorRtLoss().sqnrDb()).isGreaterThan(30);
  }

  @Test
  void bothGraphsShareTheWeightsInEightBits() throws Exception {
    PrecisionBuilder.Built built = int8(wide(), new Normal("x", 12, 3, 1, 1, 64), options(ANY));
    // 64 x 256 and 256 x 64 bytes, and little else.
    long weights = built.manifest().weights().sizeBytes();
    assertThat(weights).isBetween(2 * 64 * 256L, 2 * 64 * 256L + 8192);
  }

  private static OnnxGraphs wide() {
    return new OnnxGraphs()
        .input("x", ElementType.FLOAT, "N", 64)
        .output("y", ElementType.FLOAT, "N", 64)
        .weights("w0", 1, 64, 256)
        .weights("w1", 2, 256, 64)
        .node("MatMul", List.of("x", "w0"), List.of("h"))
        .node("Relu", List.of("h"), List.of("r"))
        .node("MatMul", List.of("r", "w1"), List.of("y"));
  }

  @ParameterizedTest
  @EnumSource(Calibrator.class)
  void servesBatchesWithinTheLossThatItTells(Calibrator calibrator) throws Exception {
    CalibrationSource fresh = new Normal("x", 64, 9, 1, 1, 64);
    PrecisionBuilder.Built built =
        int8(
            wide(),
            new Normal("x", 200, 3, 1, 1, 64),
            new PrecisionOptions(calibrator, ANY, List.of(), PrecisionOptions.CpuGraph.INT8));
    assertThat(built.manifest().batching().proven()).isTrue();
    double told = built.conversion().cpuLoss().sqnrDb();
    double signal = 0;
    double noise = 0;
    EngineOptions.Builder options = EngineOptions.builder().lanes(1).maxBatch(64);
    try (Engine exact = Engine.open(folder.resolve("fp32/model.sluice"), options.build());
        Engine made = Engine.open(folder.resolve("int8.sluice"), options.build())) {
      float[] expected = answers(exact, fresh);
      float[] actual = answers(made, fresh);
      for (int i = 0; i < expected.length; i++) {
        signal += expected[i] * expected[i];
        noise += Math.pow(expected[i] - actual[i], 2);
      }
    }
    // Noise of 200 samples' ranges on fresh ones: a range that is met by few elements varies.
    assertThat(10 * Math.log10(signal / noise)).isCloseTo(told, within(5.0));
    assertThat(told).isGreaterThan(20);
  }

  private static float[] answers(Engine engine, CalibrationSource samples) throws Exception {
    List<Float> answers = new ArrayList<>();
    engine.call(
        samples.count(),
        in -> {
          MemorySegment rows = in.input(0);
          for (int i = 0; i < samples.count(); i++) {
            MemorySegment row;
            try {
              row = samples.sample(i).get("x").data();
            } catch (IOException e) {
              throw new AssertionError(e);
            }
            MemorySegment.copy(row, 0, rows, i * row.byteSize(), row.byteSize());
          }
        },
        out -> {
          for (float value : out.output(0).toArray(ValueLayout.JAVA_FLOAT)) {
            answers.add(value);
          }
          return null;
        });
    float[] array = new float[answers.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = answers.get(i);
    }
    return array;
  }

  @Test
  void givesLayersBackUntilTheBarHolds() throws Exception {
    PrecisionBuilder.Built all = int8(residual(), IMAGES, options(ANY));
    double worse =
        Math.min(all.conversion().cpuLoss().sqnrDb(), all.conversion().tensorRtLoss().sqnrDb());
    LossBar bar = new LossBar(LossBar.Unit.DECIBEL, worse + 2);
    PrecisionBuilder.Built built = int8(residual(), IMAGES, options(bar));
    assertThat(bar.holds(built.conversion().cpuLoss())).isTrue();
    assertThat(bar.holds(built.conversion().tensorRtLoss())).isTrue();
    List<Manifest.Layer> given =
        built.conversion().layers().stream()
            .filter(layer -> layer.reason().startsWith("given back to hold "))
            .toList();
    assertThat(given).hasSizeBetween(1, 4).allMatch(layer -> layer.precision().equals("fp16"));
    assertThat(given.getFirst().reason()).contains("given back to hold " + bar);
    // A bar that no layer holds on its own, nor FP16, leaves all in FP32, which holds any.
    bar = new LossBar(LossBar.Unit.DECIBEL, 150);
    built = int8(residual(), IMAGES, options(bar));
    assertThat(built.conversion().layers()).allMatch(layer -> layer.precision().equals("fp32"));
  }

  @Test
  void leavesOutWhatIsExcludedAndWhatDoesNotPay() throws Exception {
    PrecisionBuilder.Built built = int8(residual(), IMAGES, options(ANY, "c1", "Conv1?0", "no["));
    assertThat(built.conversion().layers())
        .filteredOn(layer -> layer.reason().equals("excluded by --exclude"))
        .extracting(Manifest.Layer::name)
        .containsExactly("Conv0", "Conv2");
    assertThat(built.conversion().layers())
        .filteredOn(layer -> layer.precision().equals("int8"))
        .hasSize(3);
  }

  /** The loss of a permuted network is that of the network: no channel has a place. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void anOrderOfChannelsIsAsGoodAsAnother(long seed) throws Exception {
    CalibrationSource samples = new Normal("x", 20, seed, 1, 1, 64);
    double one = int8(wide(), samples, options(ANY)).conversion().tensorRtLoss().sqnrDb();
    int[] order = new Random(seed).ints(0, 256).distinct().limit(256).toArray();
    double other =
        int8(permuted(order), samples, options(ANY)).conversion().tensorRtLoss().sqnrDb();
    assertThat(other).as("seed %d", seed).isCloseTo(one, within(0.2));
  }

  private static OnnxGraphs permuted(int[] order) {
    ModelProto model = wide().model();
    float[] first = new float[64 * 256];
    float[] second = new float[256 * 64];
    model
        .getGraph()
        .getInitializer(0)
        .getRawData()
        .asReadOnlyByteBuffer()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(first);
    model
        .getGraph()
        .getInitializer(1)
        .getRawData()
        .asReadOnlyByteBuffer()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(second);
    TensorProto.Builder w0 =
        TensorProto.newBuilder().setName("w0").setDataType(1).addDims(64).addDims(256);
    TensorProto.Builder w1 =
        TensorProto.newBuilder().setName("w1").setDataType(1).addDims(256).addDims(64);
    for (int row = 0; row < 64; row++) {
      for (int column : order) {
        w0.addFloatData(first[row * 256 + column]);
      }
    }
    for (int row : order) {
      for (int column = 0; column < 64; column++) {
        w1.addFloatData(second[row * 64 + column]);
      }
    }
    return new OnnxGraphs()
        .input("x", ElementType.FLOAT, "N", 64)
        .output("y", ElementType.FLOAT, "N", 64)
        .initializer(w0.build())
        .initializer(w1.build())
        .node("MatMul", List.of("x", "w0"), List.of("h"))
        .node("Relu", List.of("h"), List.of("r"))
        .node("MatMul", List.of("r", "w1"), List.of("y"));
  }

  @Test
  void refusesSamplesThatNothingCanBeLearntFrom() throws Exception {
    check(new Normal("x", 2, 1, 1, 1, 64), "2 samples", "at least 4");
    check(new Normal("x", 9, 1, 0, 1, 64), "one value", "'x'");
    check(new Normal("x", 9, 1, Double.NaN, 1, 64), "element 0 of 'x' is NaN");
    check(new Normal("x", 9, 1, 1, 1, 63), "[1,63]", "[-1,64]");
    check(new Normal("x", 9, 1, 1, 2, 64), "one row of it");
    check(new Normal("z", 9, 1, 1, 1, 64), "no array for the input 'x'");
    assertThat(folder.resolve("int8.sluice")).doesNotExist();
  }

  private void check(CalibrationSource samples, String... words) {
    assertThatThrownBy(() -> int8(wide(), samples, options(ANY)))
        .isInstanceOf(SampleCheck.UnfitException.class)
        .message()
        .contains(words);
  }

  /** Rows that a Gather looks up; row 9 of 4 is not there. */
  @Test
  void aSampleThatTheModelRefusesIsNamed() {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.INT64, "N")
            .output("y", ElementType.FLOAT, "N", 32)
            .weights("table", 1, 4, 32)
            .weights("w", 2, 32, 32)
            .node("Gather", List.of("table", "x"), List.of("h"))
            .node("MatMul", List.of("h", "w"), List.of("y"));
    CalibrationSource samples =
        new CalibrationSource() {
          @Override
          public int count() {
            return 8;
          }

          @Override
          public Map<String, NpyArray> sample(int index) {
            byte[] bytes = {(byte) (index == 5 ? 9 : index % 4), 0, 0, 0, 0, 0, 0, 0};
            return Map.of(
                "x", new NpyArray(ElementType.INT64, Shape.of(1), MemorySegment.ofArray(bytes)));
          }
        };
    assertThatThrownBy(() -> int8(graph, samples, options(ANY)))
        .isInstanceOf(SampleCheck.UnfitException.class)
        .hasMessageContaining("the model refuses it")
        .hasMessageContaining("Gather");
  }
}
