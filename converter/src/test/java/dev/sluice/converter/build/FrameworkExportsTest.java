package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.converter.graph.Rewrite;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What frameworks export goes through build and engine as it is, and with a fixed batch mended. */
class FrameworkExportsTest {
  private static final double TOLERANCE = 1e-5;

  @TempDir private Path folder;

  static Stream<FrameworkExport> exports() {
    return Stream.of(
            TorchScriptExports.all(),
            DynamoExports.all(),
            TensorFlowExports.all(),
            OptimumExports.all())
        .flatMap(List::stream);
  }

  static Stream<FrameworkExport> fixed() {
    return exports().filter(export -> export.fixedRows() > 0);
  }

  private Path model(FrameworkExport export) throws Exception {
    return export.graph().write(folder.resolve("m.onnx"));
  }

  private static void assertAlike(List<PlainTensor> actual, List<PlainTensor> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      assertThat(actual.get(i).difference(expected.get(i), TOLERANCE, TOLERANCE))
          .as("output %s", i)
          .isNull();
    }
  }

  @ParameterizedTest
  @MethodSource("exports")
  void asItIs(FrameworkExport export) throws Exception {
    Path file = model(export);
    BuildResult result =
        ModelBuilder.build(file, folder.resolve("p.sluice"), BuildOptions.defaults());
    assertThat(result.manifest().batching().proven())
        .as(result.manifest().batching().reason())
        .isEqualTo(export.whyUnbatched() == null);
    if (export.whyUnbatched() != null) {
      assertThat(result.manifest().batching().reason()).contains(export.whyUnbatched());
    }
    OnnxModel read = ModelReader.read(file);
    assertThat(result.manifest().signature().inputs())
        .extracting(spec -> spec.name())
        .isEqualTo(read.inputs().stream().map(OnnxModel.Value::name).toList());
    byte[] bytes = export.plain();
    for (long rows : export.fixedRows() > 0 ? new long[] {export.fixedRows()} : new long[] {1, 3}) {
      List<List<PlainTensor>> sample = List.of(export.sample().apply(rows));
      assertAlike(
          ModelRuns.packaged(result.packageFile(), sample).getFirst(),
          ModelRuns.direct(bytes, sample).getFirst());
    }
  }

  @ParameterizedTest
  @MethodSource("fixed")
  void withADynamicBatch(FrameworkExport export) throws Exception {
    Path file = model(export);
    BuildResult result =
        ModelBuilder.build(
            file,
            folder.resolve("p.sluice"),
            BuildOptions.defaults().withRows(BuildOptions.range("1:4:8")));
    assertThat(result.manifest().batching().proven())
        .as(result.manifest().batching().reason())
        .isTrue();
    assertThat(result.rewrites()).extracting(Rewrite.Report::name).contains("dynamic batch");
    // More rows than the model is for: as many as it is for at a time.
    int rows = export.fixedRows();
    List<PlainTensor> sample = export.sample().apply(3L * rows);
    List<PlainTensor> actual = ModelRuns.packaged(result.packageFile(), List.of(sample)).getFirst();
    for (int part = 0; part < 3; part++) {
      int first = part * rows;
      List<PlainTensor> some = sample.stream().map(t -> rows(t, first, rows)).toList();
      assertAlike(
          actual.stream().map(t -> rows(t, first, rows)).toList(),
          ModelRuns.direct(export.plain(), List.of(some)).getFirst());
    }
  }

  private static PlainTensor rows(PlainTensor tensor, int first, int count) {
    long rowBytes = tensor.data().byteSize() / tensor.shape().dim(0);
    return PlainTensor.of(
        tensor.type(),
        tensor.shape().withDim(0, count),
        tensor.data().asSlice(first * rowBytes, count * rowBytes));
  }

  @Test
  void mapsAreRefusedWithWhatHelps() throws Exception {
    Path file = TensorFlowExports.withZipMap().write(folder.resolve("m.onnx"));
    assertThatThrownBy(
            () -> ModelBuilder.build(file, folder.resolve("p.sluice"), BuildOptions.defaults()))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("the output 'output_probability' is a sequence of maps")
        .hasMessageContaining("options={'zipmap': False}");
  }

  @Test
  void namesStayUnique() {
    assertThat(exports().map(FrameworkExport::name)).doesNotHaveDuplicates().hasSizeGreaterThan(15);
  }
}
