package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.ValueInfoProto;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** {@code --io-types}: what callers give and get of a package in 16 bits. */
@Timeout(180)
class IoTypesTest {
  @TempDir private Path folder;

  private static float[] normal(long seed, int count) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** y[N,16] = relu(x[N,32] . w) . v, h its middle, and z[N,2] = k[N,2], whole numbers. */
  private Path model() throws IOException {
    return write(
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 32)
            .input("k", ElementType.INT64, "N", 2)
            .output("y", ElementType.FLOAT, "N", 16)
            .output("h", ElementType.FLOAT, "N", 64)
            .output("z", ElementType.INT64, "N", 2)
            .weights("w", normal(1, 32 * 64), 32, 64)
            .weights("v", normal(2, 64 * 16), 64, 16)
            .node("MatMul", "x w", "h")
            .node("Relu", "h", "r")
            .node("MatMul", "r v", "y")
            .node("Identity", "k", "z"));
  }

  private Path write(TinyModel model) throws IOException {
    return Files.write(folder.resolve("model.onnx"), model.build().toArray(ValueLayout.JAVA_BYTE));
  }

  private Path samples(int count, float scale) throws IOException {
    Path data = folder.resolve("data");
    for (int i = 0; i < count; i++) {
      Path sample = Files.createDirectories(data.resolve("s" + i));
      float[] row = normal(10 + i, 32);
      for (int j = 0; j < row.length; j++) {
        row[j] *= scale;
      }
      Models.floats(sample.resolve("x.npy"), Shape.of(1, 32), row);
      byte[] k = new byte[16];
      k[0] = (byte) i;
      Npy.write(
          sample.resolve("k.npy"),
          new NpyArray(ElementType.INT64, Shape.of(1, 2), MemorySegment.ofArray(k)));
    }
    return data;
  }

  private static Cli build(Path model, Path data, String precision, Object... more) {
    List<Object> arguments =
        new ArrayList<>(List.of("build", model, "--calibration", data, "--precision", precision));
    arguments.addAll(List.of(more));
    return Cli.run(arguments.toArray());
  }

  private static List<Integer> types(List<ValueInfoProto> values) {
    return values.stream().map(v -> v.getType().getTensorType().getElemType()).toList();
  }

  @ParameterizedTest
  @CsvSource({"fp16, 10, 55", "bf16, 16, 35"})
  void lowChangesBothGraphsAndWhatCallersSee(String precision, int code, double least)
      throws Exception {
    Path model = model();
    Path data = samples(20, 1);
    String type = precision.equals("fp16") ? "float16" : "bfloat16";
    JsonNode built = build(model, data, precision, "--io-types", "low", "--json").done().json();
    assertThat(built.at("/inputs/0/type").asString()).isEqualTo(type);
    assertThat(built.at("/inputs/1/type").asString()).isEqualTo("int64");
    assertThat(built.at("/outputs/0/type").asString()).isEqualTo(type);
    assertThat(built.at("/outputs/1/type").asString()).isEqualTo(type);
    assertThat(built.at("/outputs/2/type").asString()).isEqualTo("int64");
    assertThat(built.at("/batching/proven").asBoolean()).isTrue();
    assertThat(built.get("tensorrtProblems")).isEmpty();
    // NumPy lacks BFLOAT16, so there is no golden sample of it.
    assertThat(built.at("/selfTest/samples").asInt()).isEqualTo(precision.equals("fp16") ? 2 : 0);
    Path packed = folder.resolve("model.sluice");
    try (SluicePackage opened = PackageReader.open(packed)) {
      for (String backend : List.of(Manifest.CPU, Manifest.TENSORRT)) {
        ModelProto graph =
            ModelProto.parseFrom(opened.graph(backend).toArray(ValueLayout.JAVA_BYTE));
        assertThat(types(graph.getGraph().getInputList())).containsExactly(code, 7);
        assertThat(types(graph.getGraph().getOutputList())).containsExactly(code, code, 7);
      }
    }
    for (String graph : List.of("cpu", "tensorrt")) {
      JsonNode told =
          Cli.run(
                  "verify",
                  packed,
                  "--against",
                  model,
                  "--data",
                  data,
                  "--graph",
                  graph,
                  "--json",
                  "--min-sqnr",
                  least)
              .done()
              .json();
      assertThat(told.get("samples").asInt()).isEqualTo(20);
      // It was rounded, so it is not the model's own.
      assertThat(told.at("/outputs/y/sqnrDb").asDouble()).isBetween(least, 90.0);
    }
  }

  /** Halves are written and read in place, and agree with what the model makes of them. */
  @Test
  void theEngineServesHalvesInPlace() throws Exception {
    Path model = model();
    build(model, samples(12, 1), "fp16", "--io-types", "low").done();
    Path low = folder.resolve("model.sluice");
    Path full = folder.resolve("full.sluice");
    Cli.run("build", model, "-o", full).done();
    float[] row = normal(99, 32);
    short[] halves = new short[32];
    for (int i = 0; i < 32; i++) {
      halves[i] = Float.floatToFloat16(row[i]);
      row[i] = Float.float16ToFloat(halves[i]);
    }
    EngineOptions options = EngineOptions.builder().lanes(1).build();
    try (Engine served = Engine.open(low, options);
        Engine exact = Engine.open(full, options)) {
      short[] y =
          served.call(
              1,
              in -> in.input("x").copyFrom(MemorySegment.ofArray(halves)),
              out -> out.output("y").toArray(ValueLayout.JAVA_SHORT));
      float[] expected =
          exact.call(
              1,
              in -> in.input("x").copyFrom(MemorySegment.ofArray(row)),
              out -> out.output("y").toArray(ValueLayout.JAVA_FLOAT));
      assertThat(y).hasSize(16);
      for (int i = 0; i < 16; i++) {
        // Half a unit in the last place of 11 bits, and the sum's own rounding.
        float tolerance = Math.abs(expected[i]) / 2048 + 1e-4f;
        assertThat(Float.float16ToFloat(y[i])).isCloseTo(expected[i], within(tolerance));
      }
    }
  }

  @Test
  void runTakesEitherTypeAndWritesThePackages() throws Exception {
    Path model = model();
    Path data = samples(12, 1);
    build(model, data, "fp16", "--io-types", "low").done();
    Path packed = folder.resolve("model.sluice");
    Path k = data.resolve("s0/k.npy");
    Path x = data.resolve("s0/x.npy");
    Path out = folder.resolve("out");
    Cli.run("run", packed, "--input", "x=" + x, "--input", "k=" + k, "-o", out).done();
    NpyArray y = Npy.read(out.resolve("y.npy"));
    assertThat(y.type()).isEqualTo(ElementType.FLOAT16);
    byte[] halves = new byte[64];
    for (int i = 0; i < 32; i++) {
      short half = Float.floatToFloat16(normal(10, 32)[i]);
      halves[2 * i] = (byte) half;
      halves[2 * i + 1] = (byte) (half >> 8);
    }
    Path half = folder.resolve("half.npy");
    Npy.write(
        half, new NpyArray(ElementType.FLOAT16, Shape.of(1, 32), MemorySegment.ofArray(halves)));
    Path again = folder.resolve("again");
    Cli.run("run", packed, "--input", "x=" + half, "--input", "k=" + k, "-o", again).done();
    assertThat(Files.readAllBytes(again.resolve("y.npy")))
        .isEqualTo(Files.readAllBytes(out.resolve("y.npy")));
    float[] large = normal(10, 32);
    large[3] = 70_000;
    Path past = Models.floats(folder.resolve("past.npy"), Shape.of(1, 32), large);
    Cli.run("run", packed, "--input", "x=" + past, "--input", "k=" + k)
        .refused(2, "past.npy: element 3 is 70000.0, past FLOAT16", "input 'x'", "scale");
    // Whole numbers are no floats.
    Cli.run("run", packed, "--input", "x=" + k, "--input", "k=" + k).refused(2, "k.npy: is int64");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp16", "bf16"})
  void keepLeavesThem(String precision) throws Exception {
    Path model = model();
    Path data = samples(12, 1);
    JsonNode built = build(model, data, precision, "--io-types", "keep", "--json").done().json();
    assertThat(built.at("/inputs/0/type").asString()).isEqualTo("float");
    assertThat(built.at("/outputs/0/type").asString()).isEqualTo("float");
    Cli.run(
            "verify",
            folder.resolve("model.sluice"),
            "--against",
            model,
            "--data",
            data,
            "--max-abs",
            "0")
        .done();
  }

  @Test
  void stagesWriteAndReadHalves() throws Exception {
    Path model =
        write(
            new TinyModel()
                .input("image", ElementType.FLOAT, "N", 3, 8, 8)
                .output("scores", ElementType.FLOAT, "N", 20)
                .weights("w", normal(1, 20 * 3 * 8 * 8), 20, 3, 8, 8)
                .node("Conv", "image w", "c")
                .node("Flatten", "c", "scores"));
    Path data = Files.createDirectories(folder.resolve("images"));
    byte[] pixels = new byte[20 * 8 * 8 * 3];
    new Random(3).nextBytes(pixels);
    NpyArray images =
        new NpyArray(ElementType.UINT8, Shape.of(20, 8, 8, 3), MemorySegment.ofArray(pixels));
    Npy.write(data.resolve("image.npy"), images);
    Object[] stages = {
      "--input-stage", "image=u8,size=8x8", "--output-stage", "scores=topk:3", "--io-types", "low"
    };
    JsonNode built = build(model, data, "fp16", join(stages, "--json")).done().json();
    assertThat(built.at("/inputs/0/type").asString()).isEqualTo("uint8");
    assertThat(built.at("/outputs/0/type").asString()).isEqualTo("float");
    assertThat(built.at("/selfTest/samples").asInt()).isPositive();
    Path packed = folder.resolve("model.sluice");
    try (SluicePackage opened = PackageReader.open(packed)) {
      ModelProto graph =
          ModelProto.parseFrom(opened.graph(Manifest.CPU).toArray(ValueLayout.JAVA_BYTE));
      assertThat(types(graph.getGraph().getInputList())).containsExactly(10);
      assertThat(types(graph.getGraph().getOutputList())).containsExactly(10);
    }
    for (String graph : List.of("cpu", "tensorrt")) {
      Cli.run(
              "verify",
              packed,
              "--against",
              model,
              "--data",
              data,
              "--graph",
              graph,
              "--min-top1",
              "90%")
          .done();
    }
    build(model, data, "bf16", stages).refused(2, "not bfloat16", "--precision fp16");
    stages[1] = "image=u8,size=8x8,scale=1,mean=0,std=0.001";
    build(model, data, "fp16", stages).refused(2, "FLOAT16", "leave out --io-types low");
  }

  private static Object[] join(Object[] some, Object one) {
    List<Object> all = new ArrayList<>(List.of(some));
    all.add(one);
    return all.toArray();
  }

  @Test
  void whatDoesNotFitIsRefused() throws Exception {
    Path model = model();
    Path data = samples(12, 1);
    build(model, data, "int8", "--io-types", "low").refused(2, "--io-types low", "leave it out");
    build(model, data, "fp16", "--io-types", "half").refused(2, "keep and low");
    Cli.run("build", model, "--io-types", "low").refused(2, "--precision int8, fp16 or bf16");
    Path large = samples(12, 1e5f);
    build(model, large, "fp16", "--io-types", "low")
        .refused(2, "'x'", "FLOAT16 ends at 65504", "leave out --io-types low");
    assertThat(folder.resolve("model.sluice")).doesNotExist();
    build(model, large, "bf16", "--io-types", "low").done();
  }
}
