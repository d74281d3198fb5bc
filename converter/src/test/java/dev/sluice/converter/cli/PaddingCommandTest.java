package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** {@code --pad}: built where it changes no answer, and served by every command. */
@Timeout(120)
class PaddingCommandTest {
  @TempDir private Path folder;

  /** y = x * m, all [N,T,2]. */
  private Path model() throws IOException {
    return Files.write(
        folder.resolve("m.onnx"),
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", "T", 2)
            .input("m", ElementType.FLOAT, "N", "T", 2)
            .output("y", ElementType.FLOAT, "N", "T", 2)
            .node("Mul", "x m", "y")
            .build()
            .toArray(ValueLayout.JAVA_BYTE));
  }

  private static float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = i + 1;
    }
    return values;
  }

  @Test
  void everyCommandServesIt() throws Exception {
    Path model = model();
    JsonNode built = Cli.run("build", model, "--pad", "x=1:4,8,value=-3,mask=m", "--json").json();
    assertThat(built.at("/padding/rules/0/buckets").toString()).isEqualTo("[4,8]");
    assertThat(built.at("/padding/rules/0/mask").asString()).isEqualTo("m");
    assertThat(built.at("/padding/cuts/0/output").asString()).isEqualTo("y");
    assertThat(built.at("/padding/cuts/0/axis").asInt()).isEqualTo(1);
    String packed = folder.resolve("m.sluice").toString();
    for (int length : new int[] {1, 4, 5, 8}) {
      float[] values = values(3 * length * 2);
      Path x = Models.floats(folder.resolve("x.npy"), Shape.of(3, length, 2), values);
      Path out = folder.resolve("out" + length);
      // The mask is the engine's.
      Cli.run("run", packed, "--input", "x=" + x, "-o", out).done();
      var y = Npy.read(out.resolve("y.npy"));
      assertThat(y.shape()).isEqualTo(Shape.of(3, length, 2));
      assertThat(y.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
          .containsExactly(values, within(0f));
    }
    Path long9 = Models.floats(folder.resolve("x9.npy"), Shape.of(1, 9, 2), values(18));
    Cli.run("run", packed, "--input", "x=" + long9).refused(2, "extent 9", "largest bucket");
    assertThat(Cli.run("inspect", packed).done().out())
        .contains("padding", "x axis 1 to [4, 8] with -3.0, mask m");
    JsonNode shown = Cli.run("inspect", packed, "--json").done().json();
    assertThat(shown.get("formatVersion").asInt()).isEqualTo(3);
    assertThat(shown.at("/padding/rules/0/axis").asInt()).isEqualTo(1);
    Cli.run("bench", packed, "--duration", "0.2", "--callers", "4").done();
    Path data = Files.createDirectories(folder.resolve("data/one"));
    Models.floats(data.resolve("x.npy"), Shape.of(2, 5, 2), values(20));
    float[] ones = new float[20];
    Arrays.fill(ones, 1);
    Models.floats(data.resolve("m.npy"), Shape.of(2, 5, 2), ones);
    Cli.run("verify", packed, "--against", model, "--data", data.getParent(), "--max-abs", "0")
        .done();
  }

  @Test
  void aPlanIsForItsBuckets(@TempDir Path cache) throws Exception {
    Path model = model();
    Path packed = folder.resolve("m.sluice");
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      gpu.run("build", model, "--pad", "x=1:4,8,mask=m", "--device", "cuda").done();
      for (int length : new int[] {3, 8}) {
        float[] values = values(2 * length * 2);
        Path x = Models.floats(folder.resolve("x.npy"), Shape.of(2, length, 2), values);
        gpu.run("run", packed, "--input", "x=" + x, "-o", folder, "--device", "cuda").done();
        assertThat(Models.floats(folder.resolve("y.npy"))).containsExactly(values, within(0f));
      }
    }
  }

  @Test
  void twoAxesOfAnInput() throws Exception {
    Path model =
        Files.write(
            folder.resolve("i.onnx"),
            new TinyModel()
                .input("x", ElementType.FLOAT, "N", "H", "W")
                .output("y", ElementType.FLOAT, "N", "H", "W")
                .node("Relu", "x", "y")
                .build()
                .toArray(ValueLayout.JAVA_BYTE));
    Cli.run("build", model, "--pad", "x=1:4").refused(2, "axis 2 of the input 'x' is open");
    Cli.run("build", model, "--pad", "x=1:4,8", "--pad", "x=2:6").done();
    float[] values = values(2 * 3 * 5);
    Path x = Models.floats(folder.resolve("x.npy"), Shape.of(2, 3, 5), values);
    Path packed = folder.resolve("i.sluice");
    Cli.run("run", packed, "--input", "x=" + x, "-o", folder).done();
    assertThat(Models.floats(folder.resolve("y.npy"))).containsExactly(values, within(0f));
  }

  @Test
  void whatChangesAnswersIsRefused() throws Exception {
    // A Softmax over the padded axis sees what fills it.
    Path model =
        Files.write(
            folder.resolve("s.onnx"),
            new TinyModel()
                .input("x", ElementType.FLOAT, "N", "T")
                .output("y", ElementType.FLOAT, "N", "T")
                .node("Softmax", "x", "y")
                .build()
                .toArray(ValueLayout.JAVA_BYTE));
    Cli.run("build", model, "--pad", "x=1:4,8").refused(2, "output 'y' changes", "mask=INPUT");
    Cli.run("build", model, "--pad", "x=1:4,8,value=-1e30").done();
  }

  @Test
  void whatDoesNotFitIsRefused() throws Exception {
    Path model = model();
    Cli.run("build", model, "--pad", "z=1:4").refused(2, "'z'", "[x, m]");
    Cli.run("build", model, "--pad", "x=2:4").refused(2, "axis 2", "not dynamic");
    Cli.run("build", model, "--pad", "x=1:8,4").refused(2, "do not rise");
    Cli.run("build", model, "--pad", "x=0:8").refused(2, "axis 0 is the batch");
    Cli.run("build", model, "--pad", "x=1:a").refused(2, "'a' is no number");
    Cli.run("build", model, "--pad", "x").refused(2, "NAME=AXIS:BUCKETS");
    Cli.run("build", model, "--pad", "x=1:8").refused(2, "'T'", "'m'", "mask=");
    Cli.run("build", model, "--pad", "x=1:8,mask=m", "--pad", "m=1:8")
        .refused(2, "'m'", "padded in two ways");
    Cli.run("build", model, "--no-batching", "--pad", "x=1:8,mask=m")
        .refused(2, "can't: batching was switched off");
  }
}
