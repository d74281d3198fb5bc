package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.HandleLedger;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RealModelsBuildTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          mnist8/mnist8.onnx                             | false | fixed extent 1 in axis 0   | fp32
          tribuo_mnist_cnn/cnn_mnist.onnx                | true  | rows together gave         | fp32
          super_resolution_10/super_resolution_10.onnx   | true  | rows together gave         | fp32
          squeezenet_fp16/SqueezeNet_fp16.onnx           | false | fixed extent 1 in axis 0   | fp16
          squeezenet_fp32/squeezenet_fp32_dynbatch.onnx  | true  | rows together gave         | fp32
          ultraface_rfb320/version-RFB-320.onnx          | false | fixed extent 1 in axis 0   | fp32
          magika/magika_standard_v3_3.onnx               | true  | blows up rounding          | fp32
          basic_pitch/nmp.onnx                           | true  | rows together gave         | fp32
          silero_vad/silero_vad_op18_ifless.onnx         | false | 'sr' is a scalar           | fp32
          dtln/dtln_model_1.onnx                         | false | fixed extent 1 in axis 0   | fp32
          dtln/dtln_model_2.onnx                         | false | fixed extent 1 in axis 0   | fp32
          gtcrn/gtcrn.onnx                               | false | fixed extent 1 in axis 0   | fp32
          gtcrn/gtcrn_simple.onnx                        | false | fixed extent 1 in axis 0   | fp32
          tribuo_bert/tinybert.onnx                      | true  | at input_ids [1,16],       | fp32
          """)
  void builds(String model, boolean batched, String reason, String precision) throws IOException {
    Path file = folder.resolve("model.sluice");
    BuildResult result = ModelBuilder.build(RealModels.file(model), file, BuildOptions.defaults());
    Manifest manifest = result.manifest();
    assertThat(manifest.batching().reason()).contains(reason);
    assertThat(manifest.batching().proven()).isEqualTo(batched);
    assertThat(manifest.precision().overall()).isEqualTo(precision);
    assertThat(manifest.golden()).hasSize(2);
    assertThat(result.sizeBytes()).isEqualTo(file.toFile().length());
    try (SluicePackage opened = PackageReader.open(file)) {
      opened.verify();
      assertThat(opened.manifest()).isEqualTo(manifest);
    }
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  /** Each of these was exported for one row. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          mnist8/mnist8.onnx                     | 1
          squeezenet_fp16/SqueezeNet_fp16.onnx   | 0
          ultraface_rfb320/version-RFB-320.onnx  | 0
          dtln/dtln_model_1.onnx                 | 0
          dtln/dtln_model_2.onnx                 | 2
          """)
  void aFixedBatchBecomesDynamic(String model, int repairs) throws IOException {
    BuildOptions options = BuildOptions.defaults().withRows(BuildOptions.range("1:4:8"));
    BuildResult result =
        ModelBuilder.build(RealModels.file(model), folder.resolve("model.sluice"), options);
    assertThat(result.manifest().batching().reason()).contains("rows together gave");
    assertThat(result.manifest().batching().proven()).isTrue();
    assertThat(result.manifest().golden()).as("of the model as it was").hasSize(2);
    assertThat(result.rewriteProof()).contains("gave what the model gave");
    assertThat(result.rewrites())
        .filteredOn(report -> report.name().equals("dynamic batch"))
        .singleElement()
        .satisfies(report -> assertThat(report.changes()).hasSize(1 + repairs));
    assertThat(HandleLedger.snapshot().sites()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"ultraface_rfb320/version-RFB-320.onnx,35", "gtcrn/gtcrn.onnx,11"})
  void normalizationIsFolded(String model, int layers) throws IOException {
    BuildResult result =
        ModelBuilder.build(
            RealModels.file(model), folder.resolve("model.sluice"), BuildOptions.defaults());
    assertThat(result.rewriteProof()).contains("gave what the model gave");
    assertThat(result.rewrites())
        .filteredOn(report -> report.name().equals("batch normalization folding"))
        .singleElement()
        .satisfies(report -> assertThat(report.changes()).hasSize(layers));
  }
}
