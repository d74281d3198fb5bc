package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.converter.image.TestImages;
import dev.sluice.engine.Shape;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

@Timeout(180)
class VerifyCommandTest {
  @TempDir Path folder;

  private Path data(String name) throws IOException {
    return Files.createDirectories(folder.resolve(name));
  }

  /** The model of {@link Models#product} with one weight off by 0.5. */
  private Path offByHalf() throws IOException {
    Path file = Files.createDirectories(folder.resolve("off")).resolve("product.onnx");
    byte[] graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 3)
            .output("y", ElementType.FLOAT, "N", 2)
            .weights("w", new float[] {1, 2.5f, 3, 4, 5, 6}, 3, 2)
            .node("MatMul", "x w", "y")
            .build()
            .toArray(ValueLayout.JAVA_BYTE);
    return Files.write(file, graph);
  }

  @Test
  void aPackageAgreesWithItsModel() throws IOException {
    Path model = Models.product(folder);
    Path built = Models.built(model, "--batch", "1:2:4");
    Path data = data("data");
    Models.floats(data.resolve("a.npy"), Shape.of(5, 3), new float[15]);
    Models.floats(data.resolve("b.npy"), Shape.of(1, 3), 1, 2, 3);
    JsonNode json =
        Cli.run(
                "verify",
                built,
                "--against",
                model,
                "--data",
                data,
                "--min-sqnr",
                "60",
                "--max-abs",
                "1e-5",
                "--min-top1",
                "100%",
                "--json")
            .done()
            .json();
    assertThat(json.get("samples").asInt()).isEqualTo(6);
    assertThat(json.get("ok").asBoolean()).isTrue();
    JsonNode y = json.get("outputs").get("y");
    assertThat(y.get("maxAbs").asDouble()).isLessThan(1e-5);
    assertThat(y.get("cosine").asDouble()).isCloseTo(1, within(1e-9));
    assertThat(y.get("top1Agreement").asDouble()).isEqualTo(1);
    assertThat(y.has("maxRel") && y.has("sqnrDb")).isTrue();
    assertThat(Cli.run("verify", built, "--against", built, "--data", data).done().out())
        .contains("output", "SQNR dB", "6 samples");
  }

  /** y = (1 2) against (1 2.5): off by 0.5, and a signal of 5 to a noise of 0.25 is 13.01 dB. */
  @Test
  void aBarThatIsNotMetEndsWithStatus3AndTheResult() throws IOException {
    Path built = Models.built(offByHalf());
    Path model = Models.product(folder);
    Path data = data("data");
    Models.floats(data.resolve("x.npy"), Shape.of(1, 3), 1, 0, 0);
    Cli free = Cli.run("verify", built, "--against", model, "--data", data, "--json").done();
    JsonNode y = free.json().get("outputs").get("y");
    assertThat(y.get("maxAbs").asDouble()).isEqualTo(0.5);
    assertThat(y.get("maxRel").asDouble()).isEqualTo(0.25);
    assertThat(y.get("sqnrDb").asDouble()).isCloseTo(13.0103, within(1e-3));
    assertThat(y.get("cosine").asDouble()).isCloseTo(6 / Math.sqrt(5 * 7.25), within(1e-9));
    below(built, model, data, "--max-abs", "0.49", "is off by 0.5000, 0.49 is allowed");
    below(built, model, data, "--min-sqnr", "13.1", "13.01 dB, 13.1 are asked for");
    Cli.run(
            "verify",
            built,
            "--against",
            model,
            "--data",
            data,
            "--min-sqnr",
            "13",
            "--max-abs",
            "0.5")
        .done();
  }

  /** Two scores that rounding swaps: the class is another, the score is not. */
  @Test
  void classNumbersAreNoQuantities() throws IOException {
    Path model = near(Files.createDirectories(folder.resolve("model")), 1, 1.000001f);
    Path built =
        Models.built(
            near(Files.createDirectories(folder.resolve("own")), 1.00001f, 1),
            "--output-stage",
            "y=argmax");
    Path data = data("data");
    Models.floats(data.resolve("x.npy"), Shape.of(2, 1), 1, 2);
    Cli cli =
        Cli.run(
            "verify",
            built,
            "--against",
            model,
            "--data",
            data,
            "--max-abs",
            "1e-3",
            "--min-sqnr",
            "60",
            "--json");
    assertThat(cli.status()).isZero();
    assertThat(cli.err()).contains("output 'y.index' has whole numbers", "add --min-top1");
    assertThat(cli.json().get("outputs").get("y.index").get("maxAbs").asDouble()).isEqualTo(9);
    below(built, model, data, "--min-top1", "0.5", "'y.index' agrees in the first place in 0.000");
    below(built, model, data, "--max-abs", "1e-7", "'y.value' is off by");
  }

  /** y[N,10] = x[N,1] . w, whose first and last score are these and the rest 0. */
  private static Path near(Path folder, float first, float last) throws IOException {
    byte[] graph =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 1)
            .output("y", ElementType.FLOAT, "N", 10)
            .weights("w", new float[] {first, 0, 0, 0, 0, 0, 0, 0, 0, last}, 1, 10)
            .node("MatMul", "x w", "y")
            .build()
            .toArray(ValueLayout.JAVA_BYTE);
    return Files.write(folder.resolve("near.onnx"), graph);
  }

  @Test
  void anotherFirstPlaceIsNoticed() throws IOException {
    Path built = Models.built(offByHalf());
    Path model = Models.product(folder);
    Path data = data("data");
    // The first row gives -2.6 and -2.8, and with the other weight -2.6 and -2.3.
    Models.floats(data.resolve("x.npy"), Shape.of(2, 3), 1, -1.2f, 0, 0, 1, 0);
    below(built, model, data, "--min-top1", "0.51", "in 0.5000 of the rows, 0.51 is asked for");
  }

  private static void below(
      Path built, Path model, Path data, String option, String bar, String problem) {
    Cli cli = Cli.run("verify", built, "--against", model, "--data", data, option, bar, "--json");
    assertThat(cli.status()).isEqualTo(3);
    assertThat(cli.err()).contains(problem);
    assertThat(cli.json().get("ok").asBoolean()).isFalse();
  }

  @Test
  void samplesOfSeveralInputs() throws IOException {
    Path model = Models.sum(folder);
    Path built = Models.built(model);
    Path data = data("data");
    for (int i = 0; i < 3; i++) {
      Path sample = Files.createDirectories(data.resolve("s" + i));
      Models.floats(sample.resolve("left.npy"), Shape.of(2, 1 + i), new float[2 + 2 * i]);
      Models.floats(sample.resolve("right.npy"), Shape.of(2, 1 + i), new float[2 + 2 * i]);
    }
    JsonNode json =
        Cli.run("verify", built, "--against", model, "--data", data, "--json").done().json();
    assertThat(json.get("samples").asInt()).isEqualTo(3);
    Path one = data("one");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(one.resolve("d.npz")))) {
      for (String name : new String[] {"left", "right"}) {
        zip.putNextEntry(new ZipEntry(name + ".npy"));
        zip.write(Files.readAllBytes(data.resolve("s1").resolve(name + ".npy")));
      }
    }
    Cli.run("verify", built, "--against", built, "--data", one).done();
    Files.delete(data.resolve("s2/right.npy"));
    Cli.run("verify", built, "--against", built, "--data", data)
        .refused(2, "s2", "'right' is missing");
  }

  @Test
  void imagesGoThroughTheStagesOfBoth() throws IOException {
    Path model = folder.resolve("image.onnx");
    Files.write(
        model,
        new TinyModel()
            .input("image", ElementType.FLOAT, "N", 3, "h", "w")
            .output("scores", ElementType.FLOAT, "N", 3, 1, 1)
            .node("GlobalAveragePool", "image", "scores")
            .build()
            .toArray(ValueLayout.JAVA_BYTE));
    Path built =
        Models.built(
            model,
            "--input-stage",
            "image=u8,letterbox=8x8,max=32x32",
            "--output-stage",
            "scores=softmax_topk:2");
    Path data = data("images");
    for (int i = 0; i < 9; i++) {
      TestImages.write(
          data.resolve(i + ".png"), TestImages.noise(5 + i, 20 - i, BufferedImage.TYPE_INT_RGB, i));
    }
    JsonNode json =
        Cli.run("verify", built, "--against", model, "--data", data, "--max-abs", "1e-5", "--json")
            .done()
            .json();
    assertThat(json.get("samples").asInt()).isEqualTo(9);
    assertThat(json.get("outputs").get("scores.indices").get("top1Agreement").asDouble())
        .isEqualTo(1);
  }

  @Test
  void whatCanNotBeComparedIsRefused() throws IOException {
    Path model = Models.product(folder);
    Path built = Models.built(model);
    Path other = Models.built(Models.sum(folder));
    Path data = data("data");
    Path empty = data("empty");
    Models.floats(data.resolve("x.npy"), Shape.of(1, 3), 1, 2, 3);
    Cli.run("verify", built, "--against", other, "--data", data)
        .refused(2, "has the inputs left", "but", "has the inputs x");
    Cli.run("verify", built, "--against", built, "--data", empty)
        .refused(2, "empty", "has no samples", "one .npz");
    Cli.run("verify", built, "--against", built, "--data", model).refused(2, "is not a folder");
    // A model is one by what it holds, whatever its name.
    Path renamed = Files.copy(model, folder.resolve("model.bin"));
    Cli.run("verify", built, "--against", renamed, "--data", data).done();
    Cli.run("verify", built, "--against", folder.resolve("no.onnx"), "--data", data)
        .refused(2, "no.onnx", "no such file");
    Cli.run("verify", built, "--data", data).refused(2, "--against");
    Cli.run("verify", built, "--against", model).refused(2, "--data");
    Cli.run("verify", built, "--against", model, "--data", data, "--min-top1", "101%")
        .refused(2, "--min-top1");
    Cli.run("verify", built, "--against", model, "--data", data, "--graph", "gpu")
        .refused(2, "cpu and tensorrt");
    Models.floats(data.resolve("x.npy"), Shape.of(1, 4), 1, 2, 3, 4);
    Cli.run("verify", built, "--against", model, "--data", data)
        .refused(2, "x.npy", "takes 3 in axis 1, not 4");
  }
}
