package dev.sluice.bench.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.sluice.converter.graph.FlopCount;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.engine.Shape;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Operations of known networks, against published figures, which count multiply-adds once. */
class PublishedFlopsTest {
  @TempDir private Path folder;

  private FlopCount count(GeneratedModel model, Map<String, Shape> shapes) throws Exception {
    return FlopCount.of(ModelReader.read(model.write(folder, 7)), shapes);
  }

  private static Map<String, Shape> image() {
    return Map.of("image", Shape.of(1, 3, 224, 224));
  }

  /** torchvision's table of classification weights: 4.09 and 0.30 GFLOPS, multiply-adds. */
  @Test
  void imageNetworks() throws Exception {
    FlopCount resNet = count(ResNet.resNet50().model(), image());
    assertThat(resNet.total() / 2e9).isCloseTo(4.09, withinPercentage(1));
    assertThat(resNet.notCounted()).isEmpty();
    FlopCount mobileNet = count(MobileNet.mobileNetV2().model(), image());
    assertThat(mobileNet.total() / 2e9).isCloseTo(0.30, withinPercentage(3));
    assertThat(mobileNet.notCounted()).isEmpty();
  }

  /**
   * Twelve layers of 128 positions: four products with 768 x 768, two with 768 x 3072, and 128 x
   * 128 x 768 for the scores and again for the sums; and the pooler.
   */
  @Test
  void bert() throws Exception {
    Shape tokens = Shape.of(1, 128);
    FlopCount bert =
        count(
            Bert.base(128).model(),
            Map.of("input_ids", tokens, "attention_mask", tokens, "token_type_ids", tokens));
    long layer = 128L * (4 * 768 * 768 + 2 * 768 * 3072) + 2L * 128 * 128 * 768;
    assertThat(bert.perOperator().get("MatMul")).isEqualTo(2 * (12 * layer + 768 * 768));
    assertThat(bert.notCounted()).isEmpty();
  }
}
