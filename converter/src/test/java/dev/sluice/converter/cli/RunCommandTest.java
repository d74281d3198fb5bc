package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

@Timeout(120)
class RunCommandTest {
  @TempDir Path folder;

  @Test
  void splitsRowsIntoBatchesAndWritesArrays() throws IOException {
    Path built = Models.built(Models.product(folder), "--batch", "1:2:4");
    float[] x = new float[11 * 3];
    float[] expected = new float[11 * 2];
    for (int row = 0; row < 11; row++) {
      x[row * 3] = row;
      expected[row * 2] = row;
      expected[row * 2 + 1] = 2 * row;
    }
    Path in = Models.floats(folder.resolve("x.npy"), Shape.of(11, 3), x);
    Path out = folder.resolve("made/out");
    JsonNode json = Cli.run("run", built, "--input", "x=" + in, "-o", out, "--json").done().json();
    JsonNode output = json.get("outputs").get(0);
    assertThat(output.get("name").asString()).isEqualTo("y");
    assertThat(output.get("type").asString()).isEqualTo("float");
    assertThat(output.get("shape").toString()).isEqualTo("[11,2]");
    assertThat(output.get("file").asString()).isEqualTo(out.resolve("y.npy").toString());
    assertThat(json.get("device").asString()).isEqualTo("cpu");
    assertThat(json.get("seconds").asDouble()).isPositive();
    assertThat(Models.floats(out.resolve("y.npy"))).containsExactly(expected);
    assertThat(Cli.files(out)).containsOnlyKeys("", "y.npy");
  }

  @Test
  void printsASummaryWhereNoFolderIsGiven() throws IOException {
    Path built = Models.built(Models.product(folder));
    Path in = Models.floats(folder.resolve("x.npy"), Shape.of(2, 3), 1, 1, 1, 2, 2, 2);
    Cli cli = Cli.run("run", built, "--input", "x=" + in).done();
    assertThat(cli.out()).contains("y", "float[2,2]", "min 9, max 24", "mean 15.75", "9 12 18 24");
  }

  @Test
  void theGivenShapesDecideWhereTheModelIsNotBatched() throws IOException {
    Path built = Models.built(Models.sum(folder));
    Path left = Models.floats(folder.resolve("l.npy"), Shape.of(2, 1), 1, 2);
    Path right = Models.floats(folder.resolve("r.npy"), Shape.of(2, 1), 10, 20);
    Cli.run("run", built, "--input", "left=" + left, "--input", "right=" + right, "-o", folder)
        .done();
    assertThat(Models.floats(folder.resolve("sum.npy"))).containsExactly(11, 22);
  }

  @Test
  void stringsTravelAsTensorProto() throws IOException {
    Path built = Models.built(Models.identity(folder, ElementType.STRING, 2));
    TensorProto tensor =
        TensorProto.newBuilder()
            .setDataType(TensorProto.DataType.STRING_VALUE)
            .addDims(2)
            .addStringData(ByteString.copyFromUtf8("grün"))
            .addStringData(ByteString.copyFromUtf8(""))
            .build();
    Path in = Files.write(folder.resolve("s.pb"), tensor.toByteArray());
    JsonNode json =
        Cli.run("run", built, "--input", name(built, "inputs") + "=" + in, "-o", folder, "--json")
            .done()
            .json();
    Path file = Path.of(json.get("outputs").get(0).get("file").asString());
    assertThat(file.toString()).endsWith(".pb");
    assertThat(TensorProto.parseFrom(Files.readAllBytes(file)).getStringDataList())
        .isEqualTo(tensor.getStringDataList());
  }

  private static String name(Path built, String side) {
    JsonNode json = Cli.run("inspect", built, "--json").done().json();
    return json.get(side).get(0).get("name").asString();
  }

  @Test
  void refusesInputsThatDoNotFitAndTellsWhatTheModelHas() throws IOException {
    Path built = Models.built(Models.product(folder));
    Path good = Models.floats(folder.resolve("good.npy"), Shape.of(1, 3), 1, 2, 3);
    Path rank = Models.floats(folder.resolve("rank.npy"), Shape.of(3), 1, 2, 3);
    Path wide = Models.floats(folder.resolve("wide.npy"), Shape.of(1, 4), 1, 2, 3, 4);
    Path none = Models.floats(folder.resolve("none.npy"), Shape.of(0, 3));
    Path type = folder.resolve("type.pb");
    Files.write(
        type,
        TensorProto.newBuilder()
            .setDataType(TensorProto.DataType.INT64_VALUE)
            .addDims(1)
            .addDims(3)
            .addInt64Data(1)
            .addInt64Data(2)
            .addInt64Data(3)
            .build()
            .toByteArray());
    Map<String, String> before = Cli.files(folder);
    String has = "the model's inputs are x float[N,3]";
    Path out = folder.resolve("out");
    Cli.run("run", built, "-o", out).refused(2, "input 'x' is missing", has);
    Cli.run("run", built, "--input", "z=" + good, "-o", out).refused(2, "'z'", has);
    Cli.run("run", built, "--input", "x", "-o", out).refused(2, "NAME=FILE", has);
    Cli.run("run", built, "--input", "x=", "-o", out).refused(2, "names no file");
    Cli.run("run", built, "--input", "x=" + good, "--input", "x=" + good, "-o", out)
        .refused(2, "twice");
    Cli.run("run", built, "--input", "x=" + rank, "-o", out)
        .refused(2, "rank.npy", "has 2 dimensions, not 1", has);
    Cli.run("run", built, "--input", "x=" + wide, "-o", out)
        .refused(2, "wide.npy", "takes 3 in axis 1, not 4", has);
    Cli.run("run", built, "--input", "x=" + type, "-o", out)
        .refused(2, "type.pb", "int64[1,3]", "has the type float", has);
    Cli.run("run", built, "--input", "x=" + none, "-o", out).refused(2, "no rows");
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void refusesFilesThatAreNoArraysAndPlacesThatAreNoFolders() throws IOException {
    Path built = Models.built(Models.product(folder));
    Path good = Models.floats(folder.resolve("good.npy"), Shape.of(1, 3), 1, 2, 3);
    Path noise = Files.write(folder.resolve("noise.npy"), new byte[] {1, 2, 3});
    Path proto = Files.write(folder.resolve("noise.pb"), new byte[] {-1, -1, -1});
    byte[] whole = Files.readAllBytes(good);
    Path cut = Files.write(folder.resolve("cut.npy"), Arrays.copyOf(whole, 133));
    Path text = Files.writeString(folder.resolve("x.txt"), "1 2 3");
    Cli.run("run", built, "--input", "x=" + noise).refused(2, "noise.npy", "byte 0", "no .npy");
    Cli.run("run", built, "--input", "x=" + proto).refused(2, "noise.pb", "no ONNX TensorProto");
    Cli.run("run", built, "--input", "x=" + cut).refused(2, "cut.npy", "cut off");
    Cli.run("run", built, "--input", "x=" + text).refused(2, "x.txt", ".npy");
    Cli.run("run", built, "--input", "x=" + folder.resolve("no.npy"))
        .refused(2, "no.npy", "no such");
    Cli.run("run", built, "--input", "x=" + folder).refused(2, "not a regular file");
    Cli.run("run", built, "--input", "x=" + good, "-o", text).refused(2, "x.txt", "not a folder");
    Cli.run("run", built, "--input", "x=" + good, "-o", "/proc/out").refused(2, "/proc");
  }
}
