package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RealModelsBuildTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mnist8/mnist8.onnx",
        "tribuo_mnist_cnn/cnn_mnist.onnx",
        "super_resolution_10/super_resolution_10.onnx",
        "squeezenet_fp16/SqueezeNet_fp16.onnx",
        "squeezenet_fp32/squeezenet_fp32_dynbatch.onnx",
        "ultraface_rfb320/version-RFB-320.onnx",
        "magika/magika_standard_v3_3.onnx",
        "basic_pitch/nmp.onnx",
        "silero_vad/silero_vad_op18_ifless.onnx",
        "dtln/dtln_model_1.onnx",
        "dtln/dtln_model_2.onnx",
        "gtcrn/gtcrn.onnx",
        "gtcrn/gtcrn_simple.onnx",
        "tribuo_bert/tinybert.onnx"
      })
  void builds(String model) throws Exception {
    BuildResult r =
        ModelBuilder.build(
            RealModels.file(model), folder.resolve("m.sluice"), BuildOptions.defaults());
    System.out.println(
        "=== "
            + model
            + " "
            + r.sizeBytes()
            + " "
            + r.durationNs() / 1000000
            + " ms "
            + r.manifest().batching()
            + "\n   "
            + r.manifest().signature()
            + "\n   "
            + r.manifest().profile()
            + " "
            + r.manifest().parameters()
            + " "
            + r.manifest().graphs()
            + " "
            + r.manifest().precision()
            + " golden "
            + r.manifest().golden().size());
    assertThat(r.sizeBytes()).isPositive();
  }
}
