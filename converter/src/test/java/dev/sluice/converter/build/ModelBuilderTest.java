package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.INT64;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelBuilderTest {
  private static final int LARGE = 100;

  @TempDir Path folder;

  private BuildResult build(OnnxGraphs graph) throws IOException {
    return ModelBuilder.build(
        graph.write(folder.resolve("m.onnx")), folder.resolve("p.sluice"), BuildOptions.defaults());
  }

  private static ModelProto graphOf(SluicePackage opened) throws IOException {
    return ModelProto.parseFrom(opened.graph(Manifest.CPU).toArray(ValueLayout.JAVA_BYTE));
  }

  private static Map<String, String> external(TensorProto tensor) {
    return tensor.getExternalDataList().stream()
        .collect(
            Collectors.toMap(StringStringEntryProto::getKey, StringStringEntryProto::getValue));
  }

  @Test
  void largeTensorsMoveOut() throws Exception {
    OnnxGraphs graph = OnnxGraphs.matMul(LARGE);
    BuildResult result = build(graph);
    TensorProto original = graph.model().getGraph().getInitializer(0);
    try (SluicePackage opened = PackageReader.open(result.packageFile())) {
      TensorProto moved = graphOf(opened).getGraph().getInitializer(0);
      Map<String, String> fields = external(moved);
      assertThat(moved.hasRawData()).isFalse();
      assertThat(fields).containsEntry("location", "p.sluice").containsEntry("length", "8000");
      long offset = Long.parseLong(fields.get("offset"));
      assertThat(offset).isEqualTo(4096);
      assertThat(opened.bytes().asSlice(offset, 8000).toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(original.getRawData().toByteArray());
      assertThat(opened.weights().byteSize()).isEqualTo(8000);
      assertThat(opened.manifest().parameters()).isEqualTo(2000);
    }
  }

  @Test
  void smallTensorsStay() throws Exception {
    try (SluicePackage opened = PackageReader.open(build(OnnxGraphs.matMul(6)).packageFile())) {
      assertThat(graphOf(opened).getGraph().getInitializer(0).hasRawData()).isTrue();
      assertThat(opened.weights().byteSize()).isZero();
    }
  }

  @Test
  void aRenamedPackageServes() throws Exception {
    Path file = build(OnnxGraphs.matMul(LARGE)).packageFile();
    float[] input = new float[20];
    input[3] = 1;
    float[] before;
    try (Served served = new Served(file)) {
      before = served.run(input, 1);
    }
    Path renamed = Files.move(file, folder.resolve("other name.sluice"));
    try (Served served = new Served(renamed)) {
      assertThat(served.run(input, 1)).containsExactly(before);
      assertThat(before[0]).isNotZero();
    }
  }

  @Test
  void initializersOfOldFilesAreNoInputsAnyMore() throws Exception {
    OnnxGraphs old = OnnxGraphs.matMul(LARGE).input("w", FLOAT, 20, LARGE).irVersion(3);
    BuildResult result = build(old);
    assertThat(result.manifest().batching().proven()).isTrue();
    assertThat(result.manifest().signature().inputs()).hasSize(1);
    try (SluicePackage opened = PackageReader.open(result.packageFile())) {
      assertThat(graphOf(opened).getGraph().getInputCount()).isEqualTo(1);
      assertThat(graphOf(opened).getIrVersion()).isEqualTo(4);
    }
  }

  @Test
  void externalDataOfTheModelMovesIn() throws Exception {
    ModelProto inline = OnnxGraphs.matMul(LARGE).model();
    TensorProto weights = inline.getGraph().getInitializer(0);
    Files.write(folder.resolve("w.data"), weights.getRawData().toByteArray());
    ModelProto.Builder model = inline.toBuilder();
    model
        .getGraphBuilder()
        .setInitializer(
            0,
            weights.toBuilder()
                .clearRawData()
                .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                .addExternalData(
                    StringStringEntryProto.newBuilder().setKey("location").setValue("w.data")));
    Path file = Files.write(folder.resolve("e.onnx"), model.build().toByteArray());
    Path fromExternal = folder.resolve("a/p.sluice");
    Files.createDirectories(fromExternal.getParent());
    ModelBuilder.build(file, fromExternal, BuildOptions.defaults());
    assertThat(fromExternal).hasSameBinaryContentAs(build(OnnxGraphs.matMul(LARGE)).packageFile());
  }

  @Test
  void aFailedBuildLeavesNothingBehind() throws IOException {
    Path out = Files.createDirectories(folder.resolve("out"));
    Path broken =
        new OnnxGraphs()
            .input("x", FLOAT, "N", 4)
            .output("y", FLOAT, "N", 4)
            .node("NoSuchOperator", List.of("x"), List.of("y"))
            .write(folder.resolve("m.onnx"));
    assertThatThrownBy(
            () -> ModelBuilder.build(broken, out.resolve("p.sluice"), BuildOptions.defaults()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("m.onnx: ONNX Runtime refuses the model")
        .hasMessageContaining("NoSuchOperator");
    try (Stream<Path> left = Files.list(out)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void aModelThatNeverRunsIsRefused() throws IOException {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, "N", "M")
            .output("y", FLOAT, 7)
            .numbers("shape", 7)
            .node("Reshape", List.of("x", "shape"), List.of("y"));
    assertThatThrownBy(() -> build(graph))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("does not run with inputs of x [1,16] nor with other extents")
        .hasMessageContaining("--shape NAME=DIMS");
    Path file = graph.write(folder.resolve("m.onnx"));
    BuildOptions fitting =
        BuildOptions.defaults()
            .withShape("x", List.of(BuildOptions.range("1"), BuildOptions.range("7")));
    assertThat(ModelBuilder.build(file, folder.resolve("p.sluice"), fitting).manifest().batching())
        .extracting(Manifest.Batching::proven)
        .isEqualTo(false);
  }

  /** Found by a mutant: to infer the shape of z ONNX Runtime counted to it, and took all memory. */
  @Test
  void aConstantWithFewerElementsThanItSaysIsRefused() throws IOException {
    ModelProto.Builder model =
        OnnxGraphs.matMul(6)
            .numbers("shape", 0, 2, 3)
            .node("Reshape", List.of("y", "shape"), List.of("z"))
            .output("z", FLOAT, "N", 2, 3)
            .model()
            .toBuilder();
    model.getGraphBuilder().getInitializerBuilder(1).setDims(0, 1L << 33);
    Path file = Files.write(folder.resolve("m.onnx"), model.build().toByteArray());
    assertThatThrownBy(
            () -> ModelBuilder.build(file, folder.resolve("p.sluice"), BuildOptions.defaults()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("the tensor 'shape' has 3 elements, its shape [8589934592] needs");
  }

  /** Found by a mutant: a division by zero in native code ends the process. */
  @Test
  void theBestOfNothingIsRefused() throws IOException {
    Path file =
        new OnnxGraphs()
            .input("x", FLOAT, 0, 4)
            .output("v", FLOAT, 0, 2)
            .output("i", INT64, 0, 2)
            .numbers("two", 2)
            .node("TopK", List.of("x", "two"), List.of("v", "i"))
            .write(folder.resolve("m.onnx"));
    assertThatThrownBy(
            () -> ModelBuilder.build(file, folder.resolve("p.sluice"), BuildOptions.defaults()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("m.onnx: the node 'TopK0' (TopK) takes a tensor without elements");
  }

  @Test
  void absurdlyLargeInputsAreRefused() throws IOException {
    OnnxGraphs graph =
        new OnnxGraphs()
            .input("x", FLOAT, Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE)
            .output("y", FLOAT, Integer.MAX_VALUE, Integer.MAX_VALUE, Integer.MAX_VALUE)
            .node("Abs", List.of("x"), List.of("y"));
    assertThatThrownBy(() -> build(graph))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("too large");
  }

  @Test
  void theModelIsNotReplacedByItsPackage() throws IOException {
    Path file = OnnxGraphs.matMul(6).write(folder.resolve("m.onnx"));
    assertThatThrownBy(() -> ModelBuilder.build(file, file, BuildOptions.defaults()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("would replace the model");
  }

  @Test
  void shapesThatDoNotFitAreRefused() throws IOException {
    Path file = OnnxGraphs.matMul(6).write(folder.resolve("m.onnx"));
    BuildOptions wrong = BuildOptions.defaults().withShape("x", List.of(BuildOptions.range("3")));
    assertThatThrownBy(() -> ModelBuilder.build(file, folder.resolve("p.sluice"), wrong))
        .hasMessageContaining("the shape 3 that is given for the input 'x' does not fit [-1,20]");
    BuildOptions unknown = BuildOptions.defaults().withShape("z", List.of());
    assertThatThrownBy(() -> ModelBuilder.build(file, folder.resolve("p.sluice"), unknown))
        .hasMessageContaining("a shape is given for [z], but the inputs are [x]");
    assertThatThrownBy(() -> BuildOptions.range("1:2")).hasMessageContaining("MIN:OPT:MAX");
    assertThatThrownBy(() -> BuildOptions.range("3:2:1")).hasMessageContaining("min <= opt");
  }

  @Test
  void rowsOfABatchComeOutAsTheyDoAlone() throws Exception {
    try (Served served = new Served(build(OnnxGraphs.matMul(LARGE)).packageFile())) {
      float[] rows = new float[3 * 20];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = i * 0.25f - 7;
      }
      float[] together = served.run(rows, 3);
      for (int row = 0; row < 3; row++) {
        float[] alone = served.run(Arrays.copyOfRange(rows, row * 20, row * 20 + 20), 1);
        double difference =
            RowComparison.difference(
                FLOAT,
                MemorySegment.ofArray(alone),
                MemorySegment.ofArray(together).asSlice(row * 4L * LARGE, 4L * LARGE));
        assertThat(difference).isLessThan(1e-5);
      }
    }
  }
}
