package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class PrecisionCommandTest {
  @TempDir private Path folder;

  private static float[] normal(long seed, int count) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private Path model() throws IOException {
    MemorySegment model =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 32)
            .output("y", ElementType.FLOAT, "N", 16)
            .weights("w", normal(1, 32 * 64), 32, 64)
            .weights("v", normal(2, 64 * 16), 64, 16)
            .node("MatMul", "x w", "h")
            .node("Relu", "h", "r")
            .node("MatMul", "r v", "y")
            .build();
    return Files.write(folder.resolve("model.onnx"), model.toArray(ValueLayout.JAVA_BYTE));
  }

  private Path samples(int rows, long seed, long columns) throws IOException {
    float[] values = normal(seed, (int) (rows * columns));
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    Path file = folder.resolve("samples" + seed + ".npy");
    Npy.write(
        file,
        new NpyArray(
            ElementType.FLOAT, Shape.of(rows, columns), MemorySegment.ofArray(bytes.array())));
    return file;
  }

  @Test
  void buildsVerifiesAndInspects() throws IOException {
    Path model = model();
    Path built = folder.resolve("model.sluice");
    JsonNode json =
        Cli.run(
                "build",
                model,
                "--precision",
                "int8",
                "--calibration",
                samples(40, 3, 32),
                "--cpu-graph",
                "int8",
                "--json")
            .done()
            .json();
    assertThat(json.get("precision").asString()).isEqualTo("int8");
    assertThat(json.get("layers")).hasSize(2);
    JsonNode layer = json.get("layers").get(0);
    assertThat(layer.get("name").asString()).isEqualTo("MatMul_h");
    assertThat(layer.get("op").asString()).isEqualTo("MatMul");
    assertThat(layer.get("precision").asString()).isEqualTo("int8");
    assertThat(layer.get("sqnrDb").asDouble()).isBetween(25.0, 70.0);
    JsonNode calibration = json.get("calibration");
    assertThat(calibration.get("samples").asInt()).isEqualTo(32);
    assertThat(calibration.get("holdout").asInt()).isEqualTo(8);
    assertThat(calibration.get("calibrator").asString()).isEqualTo("mse");
    assertThat(calibration.get("holdoutSqnrDb").get("y").asDouble()).isGreaterThan(20);
    assertThat(Cli.files(folder).keySet())
        .containsExactlyInAnyOrder("", "model.onnx", "model.sluice", "samples3.npy");

    Path data = Files.createDirectory(folder.resolve("data"));
    Files.move(samples(30, 4, 32), data.resolve("x.npy"));
    for (String graph : new String[] {"cpu", "tensorrt"}) {
      JsonNode verified =
          Cli.run(
                  "verify",
                  built,
                  "--against",
                  model,
                  "--data",
                  data,
                  "--graph",
                  graph,
                  "--min-sqnr",
                  "20",
                  "--json")
              .done()
              .json();
      assertThat(verified.get("samples").asInt()).isEqualTo(30);
      assertThat(verified.get("outputs").get("y").get("sqnrDb").asDouble()).isBetween(20.0, 60.0);
    }
    Cli strict =
        Cli.run(
            "verify",
            built,
            "--against",
            model,
            "--data",
            data,
            "--graph",
            "tensorrt",
            "--min-sqnr",
            "80");
    assertThat(strict.status()).isEqualTo(3);
    JsonNode inspected = Cli.run("inspect", built, "--json").done().json();
    assertThat(inspected.get("precision").get("overall").asString()).isEqualTo("int8");
    assertThat(inspected.get("precision").get("layers")).hasSize(2);
  }

  @Test
  void aBarThatTakesAllLayersLeavesTheModelAsItIs() throws IOException {
    JsonNode json =
        Cli.run(
                "build",
                model(),
                "--precision",
                "int8",
                "--calibration",
                samples(40, 3, 32),
                "--max-loss",
                "150dB",
                "--json")
            .done()
            .json();
    assertThat(json.get("layers").get(0).get("precision").asString()).isEqualTo("fp32");
    assertThat(json.get("layers").get(0).get("reason").asString())
        .contains("given back to hold 150dB");
  }

  @Test
  void refusesWhatDoesNotGoTogether() throws IOException {
    Path model = model();
    Cli.run("build", model, "--precision", "int8").refused(2, "--calibration PATH");
    Cli.run("build", model, "--calibration", "x").refused(2, "--precision int8");
    Cli.run("build", model, "--cpu-graph", "int8").refused(2, "--precision int8");
    Cli.run("build", model, "--precision", "int4").refused(2, "--precision int4");
    Cli.run("build", model, "--calibrator", "kl").refused(2, "minmax, entropy, percentile, mse");
    Cli.run("build", model, "--max-loss", "much").refused(2, "1%", "30dB");
    Cli.run("build", model, "--cpu-graph", "int4").refused(2, "auto, int8 and fp32");
    Cli.run("build", model, "--precision", "int8", "--calibration", folder.resolve("no"))
        .refused(2, "no");
    Cli.run("build", model, "--precision", "int8", "--calibration", samples(2, 5, 32))
        .refused(2, "2 samples", "at least 4");
    Cli.run("build", model, "--precision", "int8", "--calibration", samples(9, 6, 31))
        .refused(2, "31");
    assertThat(folder.resolve("model.sluice")).doesNotExist();
    Cli.run("build", model).done();
    Cli.run("build", folder.resolve("model.sluice"), "--precision", "int8", "--calibration", "x")
        .refused(2, "package");
  }
}
