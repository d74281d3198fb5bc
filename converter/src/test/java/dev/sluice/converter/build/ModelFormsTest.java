package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.FlopCount;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.OperatorSetIdProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The forms in which a model comes: versions of the file and of the operators, weights in files of
 * their own, ONNX Runtime's own operators.
 */
class ModelFormsTest {
  private static final double TOLERANCE = 1e-5;

  /** Newest version of the intermediate representation that ONNX Runtime 1.29 reads. */
  private static final int NEWEST_IR = 13;

  /** Newest operator set that ONNX Runtime 1.29 has. */
  private static final int NEWEST_OPSET = 26;

  @TempDir private Path folder;

  static IntStream irVersions() {
    return IntStream.rangeClosed(3, NEWEST_IR);
  }

  static IntStream opsets() {
    return IntStream.rangeClosed(7, NEWEST_OPSET);
  }

  /** Three rows of 20. */
  private static List<PlainTensor> sample(int columns) {
    Random random = new Random(5);
    float[] values = new float[3 * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return List.of(PlainTensor.of(FLOAT, Shape.of(3, columns), MemorySegment.ofArray(values)));
  }

  private BuildResult build(ModelProto model) throws Exception {
    Path file = Files.write(folder.resolve("m.onnx"), model.toByteArray());
    return ModelBuilder.build(file, folder.resolve("m.sluice"), BuildOptions.defaults());
  }

  /** Builds, and holds the package's answers against ONNX Runtime's of the model itself. */
  private BuildResult served(ModelProto model, List<PlainTensor> sample) throws Exception {
    BuildResult result = build(model);
    assertAlike(result, model, sample);
    return result;
  }

  private static void assertAlike(BuildResult result, ModelProto model, List<PlainTensor> sample)
      throws Exception {
    List<PlainTensor> expected = ModelRuns.direct(model.toByteArray(), List.of(sample)).getFirst();
    List<PlainTensor> actual = ModelRuns.packaged(result.packageFile(), List.of(sample)).getFirst();
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      assertThat(actual.get(i).difference(expected.get(i), TOLERANCE, TOLERANCE)).isNull();
    }
  }

  private static OnnxGraphs layers() {
    return OnnxGraphs.matMul(30)
        .numbers("shape", 0, 5, 6)
        .node("Relu", List.of("y"), List.of("positive"))
        .node("Reshape", List.of("positive", "shape"), List.of("z"))
        .output("z", FLOAT, "N", 5, 6);
  }

  @ParameterizedTest
  @MethodSource("irVersions")
  void everyVersionOfTheFile(int version) throws Exception {
    OnnxGraphs graph = layers().irVersion(version).opset(9);
    if (version < 4) {
      graph.input("w", FLOAT, 20, 30).input("shape", ElementType.INT64, 3);
    }
    BuildResult result = build(graph.model());
    assertThat(result.manifest().batching().proven()).isTrue();
    assertThat(result.manifest().signature().inputs()).hasSize(1);
    // ONNX Runtime itself takes the constants as inputs.
    assertAlike(result, layers().opset(9).model(), sample(20));
  }

  /** PyTorch's exporter does so in newer versions, too, where it is asked to. */
  @Test
  void constantsThatAreListedAsInputs() throws Exception {
    OnnxGraphs listed =
        layers().input("w", FLOAT, 20, 30).input("shape", ElementType.INT64, 3).irVersion(8);
    BuildResult result = build(listed.model());
    assertThat(result.manifest().batching().proven()).isTrue();
    assertThat(result.manifest().signature().inputs()).hasSize(1);
    assertAlike(result, layers().model(), sample(20));
    FlopCount counted =
        FlopCount.of(ModelReader.read(folder.resolve("m.onnx")), Map.of("x", Shape.of(1, 20)));
    assertThat(counted.notCounted()).isEmpty();
    OnnxGraphs tanh =
        listed.node("Tanh", List.of("z"), List.of("t")).output("t", FLOAT, "", "", "");
    FlopCount after =
        FlopCount.of(
            ModelReader.read(Path.of("m.onnx"), tanh.model().toByteArray()),
            Map.of("x", Shape.of(1, 20)));
    assertThat(after.notCounted()).isEmpty();
  }

  @Test
  void aNewerVersionOfTheFileIsRefused() {
    assertThatThrownBy(() -> build(layers().irVersion(NEWEST_IR + 1).model()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("m.onnx")
        .hasMessageContaining("IR version");
  }

  @ParameterizedTest
  @MethodSource("opsets")
  void everyOperatorSet(int opset) throws Exception {
    BuildResult result = served(layers().opset(opset).model(), sample(20));
    assertThat(result.manifest().batching().proven()).isTrue();
    assertThat(result.manifest().graphs().get("cpu").opset()).isEqualTo(opset);
  }

  @Test
  void aNewerOperatorSetIsRefused() {
    assertThatThrownBy(() -> build(layers().opset(NEWEST_OPSET + 1).model()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("m.onnx")
        .hasMessageContaining("opset");
  }

  private static TensorProto moved(TensorProto tensor, Path folder, String file, int before)
      throws Exception {
    byte[] data = tensor.getRawData().toByteArray();
    byte[] bytes = new byte[before + data.length + 7];
    new Random(before).nextBytes(bytes);
    System.arraycopy(data, 0, bytes, before, data.length);
    Path target = folder.resolve(file);
    Files.createDirectories(target.getParent());
    Files.write(target, bytes);
    return tensor.toBuilder()
        .clearRawData()
        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
        .addExternalData(entry("location", file))
        .addExternalData(entry("offset", "" + before))
        .addExternalData(entry("length", "" + data.length))
        .build();
  }

  private static StringStringEntryProto.Builder entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value);
  }

  @Test
  void weightsInSeveralFiles() throws Exception {
    ModelProto inline =
        new OnnxGraphs()
            .input("x", FLOAT, "N", 20)
            .output("y", FLOAT, "N", 3)
            .weights("a", 1, 20, 30)
            .weights("b", 2, 30, 40)
            .weights("c", 3, 40, 3)
            .node("MatMul", List.of("x", "a"), List.of("xa"))
            .node("MatMul", List.of("xa", "b"), List.of("xab"))
            .node("MatMul", List.of("xab", "c"), List.of("y"))
            .model();
    byte[] expected = Files.readAllBytes(served(inline, sample(20)).packageFile());
    ModelProto.Builder model = inline.toBuilder();
    GraphProto.Builder graph = model.getGraphBuilder();
    graph.setInitializer(0, moved(graph.getInitializer(0), folder, "a.bin", 0));
    graph.setInitializer(1, moved(graph.getInitializer(1), folder, "more/b.bin", 4096));
    graph.setInitializer(2, moved(graph.getInitializer(2), folder, "c", 3));
    assertThat(build(model.build()).packageFile()).hasBinaryContent(expected);
  }

  /** y of Gelu and FusedMatMul, which only ONNX Runtime has. */
  @Test
  void operatorsOfOnnxRuntime() throws Exception {
    ModelProto.Builder model =
        new OnnxGraphs()
                .input("x", FLOAT, "N", 20)
                .output("y", FLOAT, "N", 30)
                .weights("w", 1, 30, 20)
                .weights("bias", 2, 30)
                .weights("scale", 3, 30)
                .node(
                    "FusedMatMul",
                    List.of("x", "w"),
                    List.of("xw"),
                    OnnxGraphs.integer("transB", 1),
                    OnnxGraphs.decimal("alpha", 0.25f))
                .node("BiasGelu", List.of("xw", "bias"), List.of("g"))
                .node("QuickGelu", List.of("g"), List.of("q"))
                .node("SimplifiedLayerNormalization", List.of("q", "scale"), List.of("y"))
                .model()
                .toBuilder()
                .addOpsetImport(
                    OperatorSetIdProto.newBuilder().setDomain("com.microsoft").setVersion(1));
    for (int i = 0; i < 3; i++) {
      model.getGraphBuilder().getNodeBuilder(i).setDomain("com.microsoft");
    }
    BuildResult result = served(model.build(), sample(20));
    assertThat(result.manifest().batching().proven()).isTrue();
  }
}
