package dev.sluice.converter.build;

import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Calibrator;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorShapeProto;
import dev.sluice.converter.precision.LossBar;
import dev.sluice.converter.precision.PrecisionOptions;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** TensorRT's graph in INT8 has FP16 for the rest, where its values fit. */
class Int8MixTest {
  private static final LossBar ANY = new LossBar(LossBar.Unit.DECIBEL, 0);

  @TempDir private Path folder;

  /** Normal numbers, one row a sample. */
  private static CalibrationSource normal(double scale, Shape row) {
    return new CalibrationSource() {
      @Override
      public int count() {
        return 16;
      }

      @Override
      public Map<String, NpyArray> sample(int index) {
        Random random = new Random(index);
        ByteBuffer bytes =
            ByteBuffer.allocate((int) row.elementCount() * 4).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
          bytes.putFloat((float) (random.nextGaussian() * scale));
        }
        return Map.of(
            "x", new NpyArray(ElementType.FLOAT, row, MemorySegment.ofArray(bytes.array())));
      }
    };
  }

  private PrecisionBuilder.Built int8(OnnxGraphs graph, CalibrationSource samples, LossBar bar)
      throws Exception {
    Path source = Files.createDirectories(folder.resolve("fp32")).resolve("model.sluice");
    Path model = graph.write(folder.resolve("model.onnx"));
    var _ = ModelBuilder.build(model, source, BuildOptions.defaults());
    return PrecisionBuilder.build(
        source,
        folder.resolve("int8.sluice"),
        "int8",
        BuildOptions.defaults(),
        new PrecisionOptions(
            Calibrator.MINMAX, bar, List.of("kept"), PrecisionOptions.CpuGraph.INT8),
        samples,
        null,
        Progress.NONE);
  }

  private Graph tensorRt() throws IOException {
    try (SluicePackage opened = PackageReader.open(folder.resolve("int8.sluice"))) {
      byte[] bytes = opened.graph(Manifest.TENSORRT).toArray(ValueLayout.JAVA_BYTE);
      return Graph.of(ModelProto.parseFrom(bytes));
    }
  }

  /** Each node with the types that it takes and gives. */
  private static List<String> typed(Graph graph) {
    List<String> lines = new ArrayList<>();
    for (NodeProto node : graph.nodes()) {
      List<String> inputs = new ArrayList<>();
      node.getInputList().forEach(input -> inputs.add(shortened(graph, input)));
      lines.add(
          node.getOpType()
              + " "
              + String.join(",", inputs)
              + ">"
              + shortened(graph, node.getOutput(0)));
    }
    return lines;
  }

  private static String shortened(Graph graph, String value) {
    return switch (graph.type(value).type()) {
      case FLOAT -> "f";
      case FLOAT16 -> "h";
      case INT8 -> "i";
      default -> graph.type(value).type().name();
    };
  }

  private static Map<String, String> precisions(PrecisionBuilder.Built built) {
    Map<String, String> precisions = new LinkedHashMap<>();
    built.conversion().layers().forEach(l -> precisions.put(l.name(), l.precision()));
    return precisions;
  }

  private static OnnxGraphs convolutions() {
    return new OnnxGraphs()
        .input("x", ElementType.FLOAT, "N", 3, 8, 8)
        .output("y", ElementType.FLOAT, "N", 8)
        .weights("w0", 1, 16, 3, 3, 3)
        .weights("b0", 2, 16)
        .weights("w1", 3, 8, 16, 3, 3)
        .weights("b1", 4, 8)
        .node("Conv", List.of("x", "w0", "b0"), List.of("c0"), integers("pads", 1L, 1L, 1L, 1L))
        .node("Relu", List.of("c0"), List.of("r0"))
        .node("Conv", List.of("r0", "w1", "b1"), List.of("c1"))
        .node("Sigmoid", List.of("c1"), List.of("s"))
        .node(
            "ReduceMean",
            List.of("s"),
            List.of("y"),
            integers("axes", 2L, 3L),
            integer("keepdims", 0));
  }

  private static final CalibrationSource IMAGES = normal(1, Shape.of(1, 3, 8, 8));

  /** The one Cast is that of the output. */
  @Test
  void allButTheEndsIsInSixteenBits() throws Exception {
    PrecisionBuilder.Built built = int8(convolutions(), IMAGES, ANY);
    Graph graph = tensorRt();
    assertThat(graph.opset()).isEqualTo(19);
    assertThat(typed(graph))
        .containsExactly(
            "QuantizeLinear f,f,i>i",
            "DequantizeLinear i,h,i>h",
            "DequantizeLinear i,h,i>h",
            "Conv h,h,h>h",
            "Relu h>h",
            "QuantizeLinear h,h,i>i",
            "DequantizeLinear i,h,i>h",
            "DequantizeLinear i,h,i>h",
            "Conv h,h,h>h",
            "Sigmoid h>h",
            "ReduceMean h,INT64>h",
            "Cast h>f");
    assertThat(built.conversion().tensorRtProblems()).isEmpty();
    assertThat(precisions(built))
        .containsExactly(Map.entry("Conv0", "int8"), Map.entry("Conv2", "int8"));
    assertThat(built.conversion().tensorRtLoss().sqnrDb()).isGreaterThan(25);
    Graph cpu;
    try (SluicePackage opened = PackageReader.open(folder.resolve("int8.sluice"))) {
      cpu =
          Graph.of(ModelProto.parseFrom(opened.graph(Manifest.CPU).toArray(ValueLayout.JAVA_BYTE)));
    }
    assertThat(cpu.opset()).as("of the graph for the CPU").isLessThan(19);
  }

  /** Squares of some hundreds are near 65504; a quarter of that is the most that is let in. */
  @Test
  void whatOverflowsOutsideOfLayersStaysInFp32() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", 32)
            .output("y", ElementType.FLOAT, "N", 32)
            .weights("w0", 1, 32, 32)
            .weights("w1", 2, 32, 32)
            .node("MatMul", List.of("x", "w0"), List.of("h"))
            .named("square", "Mul", List.of("h", "h"), List.of("q"))
            .node("Sqrt", List.of("q"), List.of("r"))
            .node("MatMul", List.of("r", "w1"), List.of("m"))
            .named("soft", "Tanh", List.of("m"), List.of("y"));
    PrecisionBuilder.Built built = int8(graph, normal(12, Shape.of(1, 32)), ANY);
    assertThat(typed(tensorRt()))
        .contains("Mul f,f>f", "Sqrt f>f", "Tanh h>h")
        .filteredOn(line -> line.startsWith("MatMul"))
        .containsExactly("MatMul h,h>h", "MatMul h,h>h");
    assertThat(built.conversion().tensorRtProblems()).isEmpty();
    assertThat(built.conversion().layers())
        .filteredOn(layer -> layer.precision().equals("fp32"))
        .extracting(Manifest.Layer::name)
        .containsExactly("square", "Sqrt2");
    assertThat(built.conversion().layers().get(2).reason()).contains("'q'", "65504");
  }

  /** Weights of a ten-thousandth have scales of which FP16 has but few bits. */
  @Test
  void aScaleThatSixteenBitsLackKeepsItsLayerInFp32() throws Exception {
    TensorProto.Builder tiny =
        TensorProto.newBuilder().setName("w1").setDataType(1).addDims(32).addDims(32);
    Random random = new Random(1);
    for (int i = 0; i < 32 * 32; i++) {
      tiny.addFloatData((float) (random.nextGaussian() * 1e-5));
    }
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", 32)
            .output("y", ElementType.FLOAT, "N", 32)
            .output("z", ElementType.FLOAT, "N", 32)
            .weights("w0", 1, 32, 32)
            .initializer(tiny.build())
            .weights("w2", 2, 32, 32)
            .node("MatMul", List.of("x", "w0"), List.of("h"))
            .node("Relu", List.of("h"), List.of("r"))
            .node("MatMul", List.of("r", "w1"), List.of("y"))
            .node("MatMul", List.of("r", "w2"), List.of("z"));
    PrecisionBuilder.Built built = int8(graph, normal(1, Shape.of(1, 32)), ANY);
    Graph typed = tensorRt();
    assertThat(typed(typed))
        .as("the layer in FP32 has a DequantizeLinear of its own, and no Cast")
        .containsExactlyInAnyOrder(
            "QuantizeLinear f,f,i>i",
            "DequantizeLinear i,h,i>h",
            "DequantizeLinear i,h,i>h",
            "MatMul h,h>h",
            "Relu h>h",
            "QuantizeLinear h,h,i>i",
            "DequantizeLinear i,h,i>h",
            "DequantizeLinear i,f,i>f",
            "DequantizeLinear i,f,i>f",
            "MatMul f,f>f",
            "DequantizeLinear i,h,i>h",
            "MatMul h,h>h",
            "Cast h>f");
    assertThat(built.conversion().tensorRtProblems()).isEmpty();
    assertThat(precisions(built).values()).containsOnly("int8");
    assertThat(built.conversion().layers().get(1).reason())
        .startsWith("within the bar; what it gives TensorRT is FP32: it takes '")
        .endsWith("', whose scale is none of FLOAT16");
  }

  @Test
  void whatIsExcludedStaysAsItIs() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", 32)
            .output("y", ElementType.FLOAT, "N", 4)
            .weights("w0", 1, 32, 32)
            .weights("w1", 2, 32, 32)
            .weights("w2", 3, 32, 4)
            .node("MatMul", List.of("x", "w0"), List.of("h"))
            .named("kept", "MatMul", List.of("h", "w1"), List.of("k"))
            .named("small", "MatMul", List.of("k", "w2"), List.of("y"));
    PrecisionBuilder.Built built = int8(graph, normal(1, Shape.of(1, 32)), ANY);
    assertThat(precisions(built))
        .containsEntry("MatMul0", "int8")
        .containsEntry("kept", "fp32")
        .containsEntry("small", "fp16");
    assertThat(typed(tensorRt())).contains("MatMul f,f>f", "MatMul h,h>h");
    assertThat(built.conversion().layers())
        .filteredOn(layer -> layer.name().equals("kept"))
        .singleElement()
        .extracting(Manifest.Layer::reason)
        .isEqualTo("excluded by --exclude");
  }

  /** With a bar between what INT8 alone and what both cost, nodes go back until it holds. */
  @Test
  void sixteenBitsAreGivenBackWhereTheBarWouldBreak() throws Exception {
    // A difference of numbers that are alike: 11 bits of each leave few of it.
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", ElementType.FLOAT, "N", 32)
            .output("y", ElementType.FLOAT, "N", 32)
            .weights("w0", 1, 32, 32)
            .initializer(
                TensorProto.newBuilder().setName("far").setDataType(1).addFloatData(4000).build())
            .node("MatMul", List.of("x", "w0"), List.of("h"))
            .named("away", "Add", List.of("h", "far"), List.of("a"))
            .named("back", "Sub", List.of("a", "far"), List.of("y"));
    CalibrationSource samples = normal(1, Shape.of(1, 32));
    PrecisionBuilder.Built any = int8(graph, samples, ANY);
    assertThat(any.conversion().tensorRtLoss().sqnrDb()).isLessThan(20);
    LossBar bar = new LossBar(LossBar.Unit.DECIBEL, 25);
    PrecisionBuilder.Built built = int8(graph, samples, bar);
    assertThat(bar.holds(built.conversion().tensorRtLoss())).isTrue();
    assertThat(precisions(built)).containsEntry("MatMul0", "int8").containsEntry("away", "fp32");
    assertThat(built.conversion().layers())
        .filteredOn(layer -> layer.name().equals("away"))
        .singleElement()
        .extracting(Manifest.Layer::reason)
        .asString()
        .startsWith("given back to hold 25dB");
  }

  /** Statistics that somebody takes are not there from operator set 14 on. */
  @Test
  void aModelThatCantBeRaisedKeepsItsRestInFp32() throws Exception {
    OnnxGraphs graph =
        new OnnxGraphs()
            .opset(13)
            .input("x", ElementType.FLOAT, "N", 32)
            .output("y", ElementType.FLOAT, "N", 32)
            .output("mean", ElementType.FLOAT, 32)
            .weights("w0", 1, 32, 32)
            .weights("a", 2, 32)
            .weights("b", 3, 32)
            .weights("m", 4, 32)
            .positive("v", 5, 32)
            .node("MatMul", List.of("x", "w0"), List.of("h"))
            .node("Tanh", List.of("h"), List.of("t"))
            .node(
                "BatchNormalization",
                List.of("t", "a", "b", "m", "v"),
                List.of("y", "mean", "var", "saved", "kept"));
    PrecisionBuilder.Built built = int8(graph, normal(1, Shape.of(1, 32)), ANY);
    assertThat(precisions(built)).containsEntry("MatMul0", "int8");
    assertThat(typed(tensorRt())).contains("Tanh f>f").noneMatch(line -> line.contains("h>h"));
    assertThat(built.manifest().precision().reason())
        .contains("FP32 beside INT8, since FP16 is not possible: ", "its statistics 'mean' taken");
  }

  /** No Cast parts a layer from what is dequantized for it, and nothing is refused. */
  @ParameterizedTest
  @MethodSource("dev.sluice.converter.build.RandomGraphsTest#seeds")
  void randomNetworksAreWellTyped(long seed) throws Exception {
    OnnxGraphs grown = new RandomGraphsTest.Network(seed).grown();
    long[] dims =
        grown
            .model()
            .getGraph()
            .getInput(0)
            .getType()
            .getTensorType()
            .getShape()
            .getDimList()
            .stream()
            .mapToLong(TensorShapeProto.Dimension::getDimValue)
            .toArray();
    PrecisionBuilder.Built built = int8(grown, normal(1, Shape.of(dims)), ANY);
    assertThat(built.conversion().tensorRtProblems()).as("seed %d", seed).isEmpty();
    assertThat(built.conversion().tensorRtLoss().sqnrDb()).as("seed %d", seed).isGreaterThan(10);
    Graph graph = tensorRt();
    for (NodeProto node : graph.nodes()) {
      int producer = graph.producer(node.getInputCount() == 0 ? "" : node.getInput(0));
      assertThat(
              node.getOpType().equals("Cast")
                  && producer >= 0
                  && graph.nodes().get(producer).getOpType().equals("DequantizeLinear"))
          .as("seed %d: %s", seed, typed(graph))
          .isFalse();
    }
    assertThat(typed(graph)).as("seed %d", seed).anyMatch(line -> line.endsWith("h"));
  }
}
