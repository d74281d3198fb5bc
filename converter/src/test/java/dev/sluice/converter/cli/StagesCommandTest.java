package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.converter.image.TestImages;
import dev.sluice.engine.Engine;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Stages from the command line to the answer, on a model that tells red from green from blue. */
@Timeout(180)
class StagesCommandTest {
  private static final String INPUT = "image=u8,letterbox=4x4,max=20x20,fill=0";

  @TempDir Path folder;
  private Path model;

  /** scores[N,3]: the mean of each channel. */
  private static Path model(Path file, Object rows, Object side) throws IOException {
    MemorySegment graph =
        new TinyModel()
            .input("image", ElementType.FLOAT, rows, 3, side, side)
            .output("scores", ElementType.FLOAT, rows, 3, 1, 1)
            .node("GlobalAveragePool", "image", "scores")
            .build();
    return Files.write(file, graph.toArray(ValueLayout.JAVA_BYTE));
  }

  @BeforeEach
  void writeModel() throws IOException {
    model = model(folder.resolve("mean.onnx"), "N", 4);
  }

  private Path images() throws IOException {
    Path images = folder.resolve("images");
    TestImages.write(images.resolve("2-blue.png"), TestImages.plain(7, 3, 0x0000ff));
    TestImages.write(images.resolve("1-red.jpg"), TestImages.plain(16, 16, 0xff0000));
    TestImages.write(images.resolve("0-green.png"), TestImages.plain(1, 20, 0x00ff00));
    Files.writeString(images.resolve("labels.tsv"), "not an image");
    return images;
  }

  private Path built(String... stages) {
    Object[] options = new Object[2 * stages.length];
    for (int i = 0; i < stages.length; i++) {
      options[2 * i] = stages[i].contains("=u8") ? "--input-stage" : "--output-stage";
      options[2 * i + 1] = stages[i];
    }
    return Models.built(model, options);
  }

  private static int[] ints(Path file) throws IOException {
    return Npy.read(file).data().toArray(ValueLayout.JAVA_INT_UNALIGNED);
  }

  @Test
  void runsAFolderOfImages() throws IOException {
    Path built = built(INPUT, "scores=softmax_topk:2");
    Path out = folder.resolve("out");
    JsonNode json =
        Cli.run("run", built, "--input", "image=" + images(), "-o", out, "--json").done().json();
    assertThat(json.get("images").toString())
        .isEqualTo("[\"0-green.png\",\"1-red.jpg\",\"2-blue.png\"]");
    assertThat(json.get("outputs").get(0).get("name").asString()).isEqualTo("scores.values");
    assertThat(json.get("outputs").get(1).get("shape").toString()).isEqualTo("[3,2]");
    int[] best = ints(out.resolve("scores.indices.npy"));
    assertThat(new int[] {best[0], best[2], best[4]}).containsExactly(1, 0, 2);
    Cli text = Cli.run("run", built, "--input", "image=" + folder.resolve("images/1-red.jpg"));
    assertThat(text.done().out()).contains("scores.values", "row 0  1-red.jpg");
  }

  @Test
  void arraysOfImagesAreTakenToo() throws IOException {
    Path built = built(INPUT, "scores=argmax");
    byte[] pixels = new byte[2 * 5 * 5 * 3];
    pixels[1] = (byte) 255;
    pixels[75 + 2] = (byte) 255;
    Path file = folder.resolve("x.npy");
    Npy.write(
        file, new NpyArray(ElementType.UINT8, Shape.of(2, 5, 5, 3), MemorySegment.ofArray(pixels)));
    Cli.run("run", built, "--input", "image=" + file, "-o", folder).done();
    assertThat(ints(folder.resolve("scores.index.npy"))).containsExactly(1, 2);
    Npy.write(
        file,
        new NpyArray(
            ElementType.UINT8, Shape.of(1, 21, 20, 3), MemorySegment.ofArray(new byte[1260])));
    Cli.run("run", built, "--input", "image=" + file).refused(2, "x.npy", "21x20", "max=");
  }

  @Test
  void rawRowsNeedTheirSizes() throws IOException {
    Path built = built(INPUT, "scores=argmax");
    byte[] row = new byte[1200];
    row[2] = 9;
    Path pixels = folder.resolve("p.npy");
    Path size = folder.resolve("s.npy");
    Npy.write(
        pixels, new NpyArray(ElementType.UINT8, Shape.of(1, 1200), MemorySegment.ofArray(row)));
    Cli.run("run", built, "--input", "image=" + pixels).refused(2, "'image.size' is missing");
    writeSize(size, 1, 1);
    Cli.run(
            "run",
            built,
            "--input",
            "image=" + pixels,
            "--input",
            "image.size=" + size,
            "-o",
            folder)
        .done();
    assertThat(ints(folder.resolve("scores.index.npy"))).containsExactly(2);
    writeSize(size, 0, 7);
    Cli.run("run", built, "--input", "image=" + pixels, "--input", "image.size=" + size)
        .refused(2, "an image of 0x7");
    Cli.run("run", built, "--input", "image=" + images(), "--input", "image.size=" + size)
        .refused(2, "'image.size' comes with the images");
  }

  private static void writeSize(Path file, int height, int width) throws IOException {
    MemorySegment data = MemorySegment.ofArray(new byte[8]);
    data.set(ValueLayout.JAVA_INT_UNALIGNED, 0, height);
    data.set(ValueLayout.JAVA_INT_UNALIGNED, 4, width);
    Npy.write(file, new NpyArray(ElementType.INT32, Shape.of(1, 2), data));
  }

  @Test
  void inspectShowsTheStages() {
    Path built = built(INPUT + ",order=bgr,mean=0.1:0.2:0.3", "scores=softmax_topk:2");
    Cli text = Cli.run("inspect", built).done();
    String stage = INPUT + ",scale=1/255,mean=0.1:0.2:0.3,std=1,order=bgr";
    assertThat(text.out())
        .contains("input stage", stage, "to float[N,3,4,4]")
        .contains("scores=softmax_topk:2", "of 3 float a row")
        .contains("uint8[N,1200]", "image.size", "int32[N,2]", "format 2");
    JsonNode json = Cli.run("inspect", built, "--json").done().json();
    assertThat(json.get("stages").get(0).get("text").asString()).isEqualTo(stage);
    assertThat(json.get("stages").get(1).get("kind").asString()).isEqualTo("output");
    assertThat(json.get("formatVersion").asInt()).isEqualTo(2);
    assertThat(json.get("batching").get("proven").asBoolean()).isTrue();
  }

  @Test
  void theSelfTestTakesStagedSamples() throws Exception {
    Path built = built(INPUT, "scores=softmax_topk:3");
    try (SluicePackage opened = PackageReader.open(built)) {
      assertThat(opened.manifest().golden()).hasSize(2);
      assertThat(opened.manifest().golden().getFirst().inputs())
          .containsOnlyKeys("image", "image.size");
      assertThat(opened.manifest().golden().getFirst().outputs()).containsKey("scores.values");
    }
    try (Engine engine = Engine.open(built)) {
      assertThat(engine.tuning().timings()).isNotEmpty();
      assertThat(engine.batched()).isTrue();
    }
  }

  @Test
  void largeImagesAreTestedWithSmallerOnes() throws Exception {
    Path built = built("image=u8,letterbox=4x4,max=4000x4000", "scores=argmax");
    assertThat(Files.size(built)).isLessThan(4 << 20);
    try (SluicePackage opened = PackageReader.open(built)) {
      assertThat(opened.manifest().golden()).hasSize(2);
      for (var sample : opened.manifest().golden()) {
        assertThat(opened.goldenInput(sample, "image").shape()).isEqualTo(Shape.of(1, 48_000_000));
        assertThat(opened.goldenInput(sample, "image.size").shape()).isEqualTo(Shape.of(1, 2));
      }
    }
    Cli.run("run", built, "--input", "image=" + images(), "-o", folder).done();
    assertThat(ints(folder.resolve("scores.index.npy"))).containsExactly(1, 0, 2);
  }

  @Test
  void aPackageWithoutASelfTestSaysSo() {
    Path built = folder.resolve("mean.sluice");
    Object[] build = {
      "build", model, "--input-stage", "image=u8,resize=4x4,size=1700x1700", "--json"
    };
    JsonNode json = Cli.run(build).done().json();
    assertThat(json.get("selfTest").get("samples").asInt()).isZero();
    assertThat(json.get("selfTest").get("reason").asString()).contains("larger than 8 MiB");
    build[4] = "--debug";
    assertThat(Cli.run(build).done().out()).contains("self-test", "none", "larger than 8 MiB");
    assertThat(Cli.run("inspect", built).done().out()).containsPattern("self-test +none");
    json = Cli.run("inspect", built("image=u8"), "--json").done().json();
    assertThat(json.get("selfTest").get("samples").asInt()).isEqualTo(2);
  }

  @Test
  void openDimensionsAndOneImageAtATime() throws IOException {
    model = model(folder.resolve("open.onnx"), "N", "s");
    Path built = built("image=u8,resize=6x5,max=20x20", "scores=argmax");
    Cli.run("run", built, "--input", "image=" + images(), "-o", folder).done();
    assertThat(ints(folder.resolve("scores.index.npy"))).containsExactly(1, 0, 2);
    model = model(folder.resolve("one.onnx"), 1, 4);
    built = built(INPUT, "scores=argmax");
    Cli.run("run", built, "--input", "image=" + images(), "-o", folder).done();
    assertThat(ints(folder.resolve("scores.index.npy"))).containsExactly(1, 0, 2);
    model = model(folder.resolve("two.onnx"), 2, 4);
    built = built(INPUT, "scores=argmax");
    Cli.run("run", built, "--input", "image=" + images()).refused(2, "2 images at once", "are 3");
  }

  /** A second softmax would make 0.58, 0.21, 0.21 of the probabilities 1, 0, 0. */
  @ParameterizedTest
  @ValueSource(strings = {"", "Reshape", "Flatten", "Squeeze", "Identity", "Identity Flatten"})
  void probabilitiesKeepWhatTheyAre(String between) throws IOException {
    TinyModel graph =
        new TinyModel()
            .input("image", ElementType.FLOAT, "N", 3, 4, 4)
            .shapelessOutput("p", ElementType.FLOAT)
            .weights("shape", new long[] {0, -1}, 2)
            .weights("axes", new long[] {2, 3}, 2)
            .node("GlobalAveragePool", "image", "mean")
            .node("Softmax", "mean", between.isEmpty() ? "p" : "s0", "axis", 1);
    String[] ops = between.split(" ", -1);
    for (int i = 0; i < ops.length && !between.isEmpty(); i++) {
      String more = ops[i].equals("Reshape") ? " shape" : ops[i].equals("Squeeze") ? " axes" : "";
      graph.node(ops[i], "s" + i + more, i == ops.length - 1 ? "p" : "s" + (i + 1));
    }
    Files.write(model, graph.build().toArray(ValueLayout.JAVA_BYTE));
    Cli.run("build", model, "--output-stage", "p=softmax_topk:2")
        .refused(2, "'p' is probabilities already", "(Softmax)", "say p=topk:2");
    Path built = built("image=u8,size=4x4,scale=1", "p=topk:3");
    Path red = TestImages.write(folder.resolve("red.png"), TestImages.plain(4, 4, 0xff0000));
    Cli.run("run", built, "--input", "image=" + red, "-o", folder).done();
    assertThat(Models.floats(folder.resolve("p.values.npy"))).containsExactly(1, 0, 0);
    assertThat(ints(folder.resolve("p.indices.npy"))).startsWith(0);
  }

  @Test
  void packagesThatTakeImagesOfOtherSizesAreCompared() throws IOException {
    Path built = built(INPUT, "scores=softmax_topk:2");
    Path other = folder.resolve("other.sluice");
    Cli.run(
            "build",
            model,
            "-o",
            other,
            "--input-stage",
            INPUT.replace("20x20", "30x30"),
            "--output-stage",
            "scores=softmax_topk:2")
        .done();
    Path images = images();
    String[] bars = {"--max-abs", "0", "--min-top1", "1"};
    Cli.run(
            "verify",
            built,
            "--against",
            other,
            "--data",
            images,
            bars[0],
            bars[1],
            bars[2],
            bars[3])
        .done();
    Cli.run("verify", other, "--against", built, "--data", images).done();
  }

  @Test
  void benchSendsTheImages() throws IOException {
    Path built = built(INPUT, "scores=softmax_topk:1");
    JsonNode json =
        Cli.run("bench", built, "--data", images(), "--duration", "0.3", "--callers", "4", "--json")
            .done()
            .json();
    assertThat(json.get("errors").asInt()).isZero();
    assertThat(json.get("rows").asLong()).isPositive();
    Cli.run("bench", built, "--duration", "0.2").done();
    Cli.run("bench", built, "--data", folder.resolve("none")).refused(2, "none", "not a folder");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--input-stage|image=f32|is no input stage",
        "--input-stage|image=u8,letterbox=8x8|letterbox=8x8 is another size than the model's: say 4x4",
        "--input-stage|other=u8|a stage is for the input 'other', but the inputs are [image]",
        "--input-stage|image=u8,mean=104|add scale=1",
        "--output-stage|scores=top|is no output stage",
        "--output-stage|scores=softmax_topk:4|there are 3 scores in a row",
        "--output-stage|image=argmax|a stage is for the output 'image', but the outputs are [scores]",
      })
  void badStagesAreRefusedAndLeaveNothing(String option, String stage, String problem)
      throws IOException {
    var before = Cli.files(folder);
    Cli.run("build", model, option, stage).refused(2, problem);
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void twoStagesForOneTensorAndAShapeBesideAStageAreRefused() {
    Cli.run("build", model, "--output-stage", "scores=argmax", "--output-stage", "scores=argmax")
        .refused(2, "two stages");
    Cli.run("build", model, "--input-stage", INPUT, "--shape", "image=1,3,4,4")
        .refused(2, "leave --shape out");
  }

  @Test
  void imagesThatCanNotBeUsedAreNamed() throws IOException {
    Path built = built(INPUT, "scores=argmax");
    Path images = images();
    Path bad = Files.writeString(images.resolve("9-bad.png"), "no image");
    Cli.run("run", built, "--input", "image=" + images, "-o", folder.resolve("out"))
        .refused(2, "9-bad.png", "neither a JPEG nor a PNG");
    assertThat(folder.resolve("out")).doesNotExist();
    Files.delete(bad);
    TestImages.write(images.resolve("9-large.png"), TestImages.plain(21, 20, 0));
    Cli.run("run", built, "--input", "image=" + images).refused(2, "9-large.png", "21x20", "max=");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    Cli.run("run", built, "--input", "image=" + empty).refused(2, "empty", "has no images");
    Path plain = Models.built(Models.product(folder));
    Cli.run("run", plain, "--input", "x=" + images.resolve("1-red.jpg"))
        .refused(2, "takes an array, not images", "--input-stage");
  }
}
