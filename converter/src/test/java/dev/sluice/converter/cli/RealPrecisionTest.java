package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Real models in INT8, with the defaults, on data that is not noise. */
class RealPrecisionTest {
  private static final int SIDE = 28;
  private static final int CLASSES = 10;

  @TempDir private Path folder;
  private Path models;

  @BeforeEach
  void find() {
    String given = System.getProperty("sluice.models", "");
    assumeTrue(!given.isEmpty(), "no real models: give their folder with -Dsluice.models=FOLDER");
    models = Path.of(given);
  }

  @Test
  void squeezeNetStillSeesWhatItSaw() {
    Path model = models.resolve("squeezenet_fp32/squeezenet_fp32_dynbatch.onnx");
    Path photographs = models.resolve("images");
    String stage = "data_0=u8,resize=224x224,scale=1,mean=104:117:123,order=bgr";
    Path exact = folder.resolve("exact.sluice");
    Path made = folder.resolve("int8.sluice");
    Cli.run("build", model, "-o", exact, "--input-stage", stage).done();
    JsonNode built =
        Cli.run(
                "build",
                model,
                "-o",
                made,
                "--input-stage",
                stage,
                "--precision",
                "int8",
                "--cpu-graph",
                "int8",
                "--calibration",
                photographs,
                "--json")
            .done()
            .json();
    System.out.println("squeezenet: " + built.get("calibration"));
    assertThat(built.get("tensorrtProblems")).isEmpty();
    for (String graph : List.of("cpu", "tensorrt")) {
      JsonNode output =
          Cli.run(
                  "verify",
                  made,
                  "--against",
                  exact,
                  "--data",
                  photographs,
                  "--graph",
                  graph,
                  "--json")
              .done()
              .json()
              .get("outputs")
              .get("softmaxout_1");
      System.out.println(graph + ": " + output);
      assertThat(output.get("top1Agreement").asDouble()).as(graph).isGreaterThanOrEqualTo(0.97);
      assertThat(output.get("sqnrDb").asDouble()).as(graph).isGreaterThanOrEqualTo(20);
    }
  }

  /** One of them is next to a tie: a graph that is 45 dB from FP32 may miss it, so FP32 serves. */
  @Test
  void digitsAreAllRight() throws IOException {
    List<String> lines =
        Files.readAllLines(models.resolve("tribuo_mnist_cnn/mnist_test_head.libsvm"));
    ByteBuffer pixels =
        ByteBuffer.allocate(lines.size() * SIDE * SIDE * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int row = 0; row < lines.size(); row++) {
      String[] fields = lines.get(row).strip().split(" ", -1);
      for (int i = 1; i < fields.length; i++) {
        int colon = fields[i].indexOf(':');
        int pixel = Integer.parseInt(fields[i].substring(0, colon));
        float light = Integer.parseInt(fields[i].substring(colon + 1)) / 255f;
        pixels.putFloat((row * SIDE * SIDE + pixel) * Float.BYTES, light);
      }
    }
    Path digits = folder.resolve("digits.npy");
    Shape shape = Shape.of(lines.size(), 1, SIDE, SIDE);
    Npy.write(
        digits, new NpyArray(ElementType.FLOAT, shape, MemorySegment.ofArray(pixels.array())));
    Path made = folder.resolve("int8.sluice");
    Path model = models.resolve("tribuo_mnist_cnn/cnn_mnist.onnx");
    Cli.run("build", model, "-o", made, "--precision", "int8", "--calibration", digits).done();
    JsonNode inspected = Cli.run("inspect", made, "--json").done().json();
    String input = inspected.get("inputs").get(0).get("name").asString();
    JsonNode run =
        Cli.run("run", made, "--input", input + "=" + digits, "-o", folder.resolve("out"), "--json")
            .done()
            .json();
    NpyArray scores = Npy.read(Path.of(run.get("outputs").get(0).get("file").asString()));
    ByteBuffer values = scores.data().asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    for (int row = 0; row < lines.size(); row++) {
      int best = 0;
      for (int i = 1; i < CLASSES; i++) {
        int at = row * CLASSES;
        best =
            values.getFloat((at + i) * Float.BYTES) > values.getFloat((at + best) * Float.BYTES)
                ? i
                : best;
      }
      assertThat("" + best).as("row %d", row).isEqualTo(lines.get(row).split(" ", -1)[0]);
    }
  }
}
