package dev.sluice.converter.cli;

import static dev.sluice.converter.build.OnnxGraphs.body;
import static dev.sluice.converter.build.OnnxGraphs.integer;
import static dev.sluice.converter.build.OnnxGraphs.integers;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.converter.build.OnnxGraphs;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * Models that are no plain stacks of layers, in 8 and 16 bits by the command; each finished package
 * is held against the model in FP32.
 */
@Timeout(300)
class PrecisionShapesTest {
  private static final int SAMPLES = 24;

  @TempDir private Path folder;

  private static float[] normal(long seed, long count) {
    Random random = new Random(seed);
    float[] values = new float[(int) count];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private Path floats(int sample, String input, long... dims) throws IOException {
    Shape shape = Shape.of(dims);
    Path file = Files.createDirectories(folder.resolve("data/s" + sample)).resolve(input + ".npy");
    return Models.floats(
        file, shape, normal(1000L * input.hashCode() + sample, shape.elementCount()));
  }

  private void flag(int sample, String input, boolean value) throws IOException {
    byte[] bytes = {(byte) (value ? 1 : 0)};
    Npy.write(
        folder.resolve("data/s" + sample + "/" + input + ".npy"),
        new NpyArray(ElementType.BOOL, Shape.of(), MemorySegment.ofArray(bytes)));
  }

  private Path written(OnnxGraphs graph) throws IOException {
    return graph.write(folder.resolve("model.onnx"));
  }

  private JsonNode build(Path model, String precision, Object... flags) {
    List<Object> arguments = new ArrayList<>(List.of("build", model, "--precision", precision));
    arguments.addAll(List.of("--calibration", folder.resolve("data"), "--json"));
    arguments.addAll(List.of("-o", folder.resolve("made.sluice")));
    arguments.addAll(List.of(flags));
    return Cli.run(arguments.toArray()).done().json();
  }

  private void verify(Path model, String graph, double leastDb, Object... flags) {
    List<Object> arguments = new ArrayList<>(List.of("verify", folder.resolve("made.sluice")));
    arguments.addAll(List.of("--against", model, "--data", folder.resolve("data")));
    arguments.addAll(List.of("--graph", graph, "--min-sqnr", leastDb));
    arguments.addAll(List.of(flags));
    Cli.run(arguments.toArray()).done();
  }

  /**
   * Builds in every precision, and holds both graphs against the model.
   *
   * @param layers that get 8 bits
   * @param flags of verify, too, where they name a library
   * @return what the INT8 build told
   */
  private JsonNode holds(Path model, int layers, Object... flags) {
    Object[] library =
        flags.length > 0 && flags[0].equals("--custom-ops")
            ? new Object[] {flags[0], flags[1]}
            : new Object[0];
    JsonNode half = build(model, "fp16", flags);
    assertThat(half.get("tensorrtProblems")).isEmpty();
    verify(model, "tensorrt", 40, library);
    List<Object> low = new ArrayList<>(List.of(flags));
    low.addAll(List.of("--io-types", "low"));
    assertThat(build(model, "fp16", low.toArray()).get("tensorrtProblems")).isEmpty();
    verify(model, "cpu", 40, library);
    verify(model, "tensorrt", 40, library);
    List<Object> eight = new ArrayList<>(List.of(flags));
    // Few samples of random numbers leave the largest of others unseen.
    eight.addAll(List.of("--cpu-graph", "int8", "--max-loss", "8dB"));
    JsonNode built = build(model, "int8", eight.toArray());
    assertThat(built.get("tensorrtProblems")).isEmpty();
    verify(model, "cpu", 15, library);
    verify(model, "tensorrt", 15, library);
    int found = 0;
    for (JsonNode layer : built.get("layers")) {
      found += layer.get("precision").asString().equals("int8") ? 1 : 0;
    }
    assertThat(found).as("%s", built.get("layers")).isEqualTo(layers);
    return built;
  }

  /** Tokens of 24 numbers, each through two products, and a mask on what comes out. */
  @Test
  void padding() throws Exception {
    Path model =
        written(
            new OnnxGraphs()
                .input("x", ElementType.FLOAT, "N", "T", 24)
                .input("m", ElementType.FLOAT, "N", "T", 24)
                .output("y", ElementType.FLOAT, "N", "T", 24)
                .weights("w", 1, 24, 32)
                .weights("v", 2, 32, 24)
                .node("MatMul", List.of("x", "w"), List.of("h"))
                .node("Relu", List.of("h"), List.of("r"))
                .node("MatMul", List.of("r", "v"), List.of("s"))
                .node("Mul", List.of("s", "m"), List.of("y")));
    for (int i = 0; i < SAMPLES; i++) {
      int length = 1 + i % 8;
      floats(i, "x", 1, length, 24);
      float[] ones = new float[length * 24];
      Arrays.fill(ones, 1);
      Models.floats(folder.resolve("data/s" + i + "/m.npy"), Shape.of(1, length, 24), ones);
    }
    JsonNode built = holds(model, 2, "--pad", "x=1:4,8,value=-1,mask=m");
    assertThat(built.at("/batching/proven").asBoolean()).isTrue();
    assertThat(built.at("/padding/rules/0/buckets").toString()).isEqualTo("[4,8]");
  }

  /** Images of any size, and one at a time. */
  @Test
  void severalShapesUnbatched() throws Exception {
    Path model =
        written(
            new OnnxGraphs()
                .input("x", ElementType.FLOAT, 1, 3, "H", "W")
                .output("y", ElementType.FLOAT, 1, 16, "H", "W")
                .weights("w", 1, 16, 3, 3, 3)
                .weights("b", 2, 16)
                .weights("v", 3, 16, 16, 1, 1)
                .node(
                    "Conv", List.of("x", "w", "b"), List.of("c"), integers("pads", 1L, 1L, 1L, 1L))
                .node("Relu", List.of("c"), List.of("r"))
                .node("Conv", List.of("r", "v"), List.of("y")));
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 1, 3, 6 + i % 5, 5 + i % 3);
    }
    JsonNode built = holds(model, 2, "--no-batching", "--shape", "x=1,3,5:8:16,5:8:16");
    assertThat(built.at("/batching/proven").asBoolean()).isFalse();
    assertThat(built.at("/selfTest/samples").asInt()).isPositive();
  }

  @Test
  void severalShapesBatched() throws Exception {
    Path model =
        written(
            new OnnxGraphs()
                .input("x", ElementType.FLOAT, "N", "T", 32)
                .output("y", ElementType.FLOAT, "N", "T", 16)
                .weights("w", 1, 32, 64)
                .weights("v", 2, 64, 16)
                .node("MatMul", List.of("x", "w"), List.of("h"))
                .node("Relu", List.of("h"), List.of("r"))
                .node("MatMul", List.of("r", "v"), List.of("y")));
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 2, 1 + i % 6, 32);
    }
    JsonNode built = holds(model, 2, "--shape", "x=1:4:8,1:4:16,32");
    assertThat(built.at("/batching/proven").asBoolean()).isTrue();
    assertThat(built.at("/calibration/samples").asInt() + built.at("/calibration/holdout").asInt())
        .isEqualTo(2 * SAMPLES);
  }

  /** NegPos tells what of x is below 0 and what above; nothing infers the shapes behind it. */
  @Test
  void customOperators() throws Exception {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "onnxruntime-extensions is tried on linux-x64");
    Path library = folder.resolve("libextensions.so");
    try (InputStream in =
        PrecisionShapesTest.class.getResourceAsStream(
            "/ai/onnxruntime/extensions/native/linux-x64/libonnxruntime_extensions4j_jni.so")) {
      Files.copy(in, library);
    }
    Path model =
        written(
            new OnnxGraphs()
                .domain("ai.onnx.contrib", 1)
                .input("x", ElementType.FLOAT, "N", 32)
                .output("y", ElementType.FLOAT, "N", 16)
                .weights("w", 1, 32, 64)
                .weights("v", 2, 64, 16)
                .node("MatMul", List.of("x", "w"), List.of("h"))
                .named("parts", "ai.onnx.contrib::NegPos", List.of("h"), List.of("below", "above"))
                .node("Sub", List.of("above", "below"), List.of("s"))
                .node("MatMul", List.of("s", "v"), List.of("y")));
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 1, 32);
    }
    holds(model, 2, "--custom-ops", library);
  }

  /** One row at a time, with a state that is given back, and a whole number without a dimension. */
  @Test
  void inputsAndStates() throws Exception {
    Path model =
        written(
            new OnnxGraphs()
                .input("x", ElementType.FLOAT, 1, 32)
                .input("rate", ElementType.INT64)
                .input("state", ElementType.FLOAT, 2, 1, 32)
                .output("y", ElementType.FLOAT, 1, 32)
                .output("next", ElementType.FLOAT, 2, 1, 32)
                .weights("w", 1, 64, 48)
                .weights("v", 2, 48, 32)
                .weights("b", 3, 32)
                .numbers("first", 0)
                .numbers("second", 1)
                .numbers("end", 2)
                .node("Slice", List.of("state", "first", "second", "first"), List.of("s0"))
                .node("Slice", List.of("state", "second", "end", "first"), List.of("s1"))
                .node("Squeeze", List.of("s0", "first"), List.of("q"))
                .node("Concat", List.of("x", "q"), List.of("j"), integer("axis", 1))
                .node("MatMul", List.of("j", "w"), List.of("h"))
                .node("Tanh", List.of("h"), List.of("t"))
                .node("Gemm", List.of("t", "v", "b"), List.of("g"))
                .node("Cast", List.of("rate"), List.of("r"), integer("to", 1))
                .node("Mul", List.of("g", "r"), List.of("y"))
                .node("Unsqueeze", List.of("g", "first"), List.of("u"))
                .node("Concat", List.of("s1", "u"), List.of("next"), integer("axis", 0)));
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 1, 32);
      floats(i, "state", 2, 1, 32);
      byte[] rate = new byte[8];
      rate[0] = (byte) (1 + i % 2);
      Npy.write(
          folder.resolve("data/s" + i + "/rate.npy"),
          new NpyArray(ElementType.INT64, Shape.of(), MemorySegment.ofArray(rate)));
    }
    holds(model, 2);
  }

  @Test
  void weightsInAnotherFile() throws Exception {
    Files.write(folder.resolve("weights.bin"), TinyModel.bytes(normal(1, 32 * 64 + 64 * 16)));
    Path model =
        Files.write(
            folder.resolve("model.onnx"),
            new TinyModel()
                .input("x", ElementType.FLOAT, "N", 32)
                .output("y", ElementType.FLOAT, "N", 16)
                .externalWeights("w", "weights.bin", 0, 4 * 32 * 64, 32, 64)
                .externalWeights("v", "weights.bin", 4 * 32 * 64, 4 * 64 * 16, 64, 16)
                .node("MatMul", "x w", "h")
                .node("Relu", "h", "r")
                .node("MatMul", "r v", "y")
                .build()
                .toArray(ValueLayout.JAVA_BYTE));
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 3, 32);
    }
    holds(model, 2);
  }

  /** The branches take what a layer in 8 bits makes, and weights that it has, too. */
  @Test
  void branches() throws Exception {
    OnnxGraphs then =
        new OnnxGraphs()
            .output("t", ElementType.FLOAT, "N", 32)
            .node("Relu", List.of("h"), List.of("t"));
    OnnxGraphs otherwise =
        new OnnxGraphs()
            .output("e", ElementType.FLOAT, "N", 32)
            .weights("u", 5, 32, 32)
            .node("MatMul", List.of("h", "w"), List.of("m"))
            .node("MatMul", List.of("m", "u"), List.of("e"));
    Path model =
        written(
            new OnnxGraphs()
                .input("x", ElementType.FLOAT, "N", 32)
                .input("c", ElementType.BOOL)
                .output("y", ElementType.FLOAT, "N", 16)
                .weights("w", 1, 32, 32)
                .weights("v", 2, 32, 16)
                .node("MatMul", List.of("x", "w"), List.of("h"))
                .node(
                    "If",
                    List.of("c"),
                    List.of("i"),
                    body("then_branch", then),
                    body("else_branch", otherwise))
                .node("MatMul", List.of("i", "v"), List.of("y")));
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 2, 32);
      flag(i, "c", i % 2 == 0);
    }
    JsonNode built = holds(model, 2);
    JsonNode branch = built.get("layers").get(2);
    assertThat(branch.get("op").asString()).isEqualTo("If");
    assertThat(branch.get("reason").asString()).contains("2 layers", "inside");
  }

  /** Three rounds of sigmoid(state . w + h), with the weights of a layer outside. */
  @Test
  void loops() throws Exception {
    OnnxGraphs round =
        new OnnxGraphs()
            .input("i", ElementType.INT64)
            .input("on", ElementType.BOOL)
            .input("s", ElementType.FLOAT, 1, 32)
            .output("again", ElementType.BOOL)
            .output("t", ElementType.FLOAT, 1, 32)
            .node("Identity", List.of("on"), List.of("again"))
            .node("MatMul", List.of("s", "w"), List.of("p"))
            .node("Add", List.of("p", "h"), List.of("a"))
            .node("Sigmoid", List.of("a"), List.of("t"));
    Path model =
        written(
            new OnnxGraphs()
                .input("x", ElementType.FLOAT, 1, 32)
                .input("on0", ElementType.BOOL)
                .output("y", ElementType.FLOAT, 1, 16)
                .weights("w", 1, 32, 32)
                .weights("v", 2, 32, 16)
                .numbers("trips", 3)
                .node("MatMul", List.of("x", "w"), List.of("h"))
                .node("Sigmoid", List.of("h"), List.of("s0"))
                .node("Loop", List.of("trips", "on0", "s0"), List.of("l"), body("body", round))
                .node("MatMul", List.of("l", "v"), List.of("y")));
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 1, 32);
      flag(i, "on0", true);
    }
    holds(model, 2);
  }

  private static OnnxGraphs image(Object rows) {
    return new OnnxGraphs()
        .input("x", ElementType.FLOAT, rows, 3, 8, 8)
        .output("y", ElementType.FLOAT, rows, 20)
        .weights("w", 1, 16, 3, 3, 3)
        .weights("v", 2, 16 * 8 * 8, 20)
        .numbers("flat", 1, 16 * 8 * 8)
        .node("Conv", List.of("x", "w"), List.of("c"), integers("pads", 1L, 1L, 1L, 1L))
        .node("Relu", List.of("c"), List.of("r"))
        .node("Reshape", List.of("r", "flat"), List.of("f"))
        .node("MatMul", List.of("f", "v"), List.of("y"));
  }

  @Test
  void oneRow() throws Exception {
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 1, 3, 8, 8);
    }
    JsonNode built = holds(written(image(1)), 2);
    assertThat(built.at("/batching/proven").asBoolean()).isFalse();
  }

  @Test
  void oneRowMadeDynamic() throws Exception {
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 1, 3, 8, 8);
    }
    Path model = written(image(1));
    JsonNode built = build(model, "int8", "--cpu-graph", "int8", "--batch", "1:4:8");
    assertThat(built.at("/batching/proven").asBoolean()).isTrue();
    verify(model, "cpu", 20);
    verify(model, "tensorrt", 20);
  }

  /**
   * Files of IR 3 list their constants as inputs, too, and operator set 9 has no axis of scales.
   */
  @Test
  void oldFiles() throws Exception {
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 2, 3, 8, 8);
    }
    OnnxGraphs graph =
        new OnnxGraphs()
            .irVersion(3)
            .opset(9)
            .input("x", ElementType.FLOAT, "N", 3, 8, 8)
            .input("w", ElementType.FLOAT, 16, 3, 3, 3)
            .output("y", ElementType.FLOAT, "N", 20)
            .weights("w", 1, 16, 3, 3, 3)
            .weights("v", 2, 16 * 8 * 8, 20)
            .node("Conv", List.of("x", "w"), List.of("c"), integers("pads", 1L, 1L, 1L, 1L))
            .node("Relu", List.of("c"), List.of("r"))
            .node("Flatten", List.of("r"), List.of("f"))
            .node("MatMul", List.of("f", "v"), List.of("y"));
    Path model = written(graph);
    holds(model, 2);
    // The CPU's graph stays FP32, but it is another one: what is told of it was shown of it.
    JsonNode built = build(model, "fp16");
    JsonNode inspected = Cli.run("inspect", folder.resolve("made.sluice"), "--json").done().json();
    assertThat(inspected.get("opset").asInt()).isGreaterThanOrEqualTo(13);
    assertThat(built.at("/batching/proven").asBoolean()).isTrue();
    assertThat(built.at("/selfTest/samples").asInt()).isEqualTo(2);
    verify(model, "cpu", 100);
  }

  /** One tensor of weights in two layers, which is an output, too; one activation for both. */
  @Test
  void sharedTensors() throws Exception {
    Path model =
        written(
            new OnnxGraphs()
                .input("x", ElementType.FLOAT, 1, 32)
                .output("y", ElementType.FLOAT, 1, 32)
                .output("z", ElementType.FLOAT, 1, 32)
                .output("h", ElementType.FLOAT, 1, 32)
                .output("w", ElementType.FLOAT, 32, 32)
                .weights("w", 1, 32, 32)
                .node("MatMul", List.of("x", "w"), List.of("h"))
                .node("Relu", List.of("h"), List.of("r"))
                .node("MatMul", List.of("r", "w"), List.of("y"))
                .node("MatMul", List.of("x", "w"), List.of("p"))
                .node("Sub", List.of("p", "y"), List.of("z")));
    for (int i = 0; i < SAMPLES; i++) {
      floats(i, "x", 1, 32);
    }
    holds(model, 3);
  }
}
