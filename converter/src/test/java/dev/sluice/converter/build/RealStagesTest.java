package dev.sluice.converter.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.converter.image.Image;
import dev.sluice.converter.image.ImageFile;
import dev.sluice.converter.onnx.ModelReader;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Outputs;
import dev.sluice.engine.Request;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.InputStageSpec;
import dev.sluice.engine.stage.OutputStageSpec;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Photographs in, names of classes out, with a model whose accuracy is published. */
class RealStagesTest {
  private static final String CAFFE = "scale=1,mean=104:117:123,order=bgr";

  @TempDir Path folder;

  /** Writes the image of a photograph into row 0. */
  private interface Source {
    void put(Path photograph, Request request) throws Exception;
  }

  private int right(String model, String stage, Source source) throws Exception {
    BuildOptions options = BuildOptions.defaults();
    Path file = folder.resolve("model.sluice");
    Names names = Names.of(RealModels.file(model));
    options =
        options
            .withInputStage(InputStageSpec.parse(names.input() + "=u8," + stage))
            .withOutputStage(OutputStageSpec.parse(names.output() + "=topk:5"));
    BuildResult result = ModelBuilder.build(RealModels.file(model), file, options);
    assertThat(result.manifest().golden()).isNotEmpty();
    List<String> lines = Files.readAllLines(RealModels.file("images/labels.tsv"));
    int right = 0;
    EngineOptions serving = EngineOptions.builder().tune(false).maxBatch(1).build();
    try (Engine engine = Engine.open(file, serving)) {
      for (String line : lines.subList(1, lines.size())) {
        String[] fields = line.split("\t", -1);
        try (Request request = engine.claim(1)) {
          source.put(RealModels.file("images/" + fields[0]), request);
          Outputs outputs = request.run();
          // SqueezeNet ends in a Softmax, so that the scores are the probabilities.
          assertThat(outputs.output(0).getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isBetween(0f, 1.001f);
          int best = outputs.output(1).getAtIndex(ValueLayout.JAVA_INT, 0);
          right += best == Integer.parseInt(fields[1]) ? 1 : 0;
        }
      }
    }
    return right;
  }

  private record Names(String input, String output) {
    static Names of(Path model) throws Exception {
      OnnxModel read = ModelReader.read(model);
      return new Names(read.inputs().getFirst().name(), read.outputs().getFirst().name());
    }
  }

  /** Cropped as the model's authors do, rounded to bytes: the accuracy that they published. */
  @ParameterizedTest
  @CsvSource({
    "squeezenet_fp32/squeezenet_fp32_dynbatch.onnx",
    "squeezenet_fp16/SqueezeNet_fp16.onnx",
  })
  void croppedPhotographs(String model) throws Exception {
    float[] means = {104, 117, 123};
    byte[] pixels = new byte[224 * 224 * 3];
    int right =
        right(
            model,
            CAFFE,
            (photograph, request) -> {
              float[] planes = RealAnswersTest.squeezeNetInput(photograph);
              for (int i = 0; i < 224 * 224; i++) {
                for (int c = 0; c < 3; c++) {
                  int value = Math.round(planes[c * 224 * 224 + i] + means[c]);
                  pixels[i * 3 + 2 - c] = (byte) Math.clamp(value, 0, 255);
                }
              }
              request.image(0).put(0, 224, 224, pixels);
            });
    System.out.println(model + ", cropped: " + right + " of 100");
    assertThat(right).isBetween(56, 64);
  }

  /** As they are: nothing is cut off, which makes up for stretching and grey sides. */
  @ParameterizedTest
  @CsvSource({"resize", "letterbox"})
  void photographsAsTheyAre(String fit) throws Exception {
    int right =
        right(
            "squeezenet_fp32/squeezenet_fp32_dynbatch.onnx",
            fit + "=224x224,max=768x768," + CAFFE,
            (photograph, request) -> {
              InputStage stage = request.image(0).stage();
              Image image = ImageFile.read(photograph, stage);
              request.image(0).put(0, image.height(), image.width(), image.pixels());
            });
    System.out.println("squeezenet, " + fit + ": " + right + " of 100");
    assertThat(right).isBetween(fit.equals("resize") ? 60 : 53, fit.equals("resize") ? 72 : 65);
  }
}
