package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a file holds, a command refuses it with status 2 and a message, and writes nothing. */
@Timeout(300)
class HostileFilesTest {
  private static final long SEED = Long.getLong("sluice.seed", 7);

  @TempDir Path folder;
  private Path model;
  private Path good;
  private Path array;
  private Map<String, String> before;

  @BeforeEach
  void build() throws IOException {
    model = Models.product(folder);
    good = Models.built(model);
    array = Models.floats(folder.resolve("x.npy"), Shape.of(1, 3), 1, 2, 3);
  }

  /** Gives a file to every command that reads one like it. */
  private void refusedByAll(Path file, boolean isPackage) throws IOException {
    before = Cli.files(folder);
    Path out = folder.resolve("out");
    String name = file.getFileName().toString();
    Cli.run("inspect", file).refused(2, name);
    if (isPackage) {
      Cli.run("run", file, "--input", "x=" + array, "-o", out).refused(2, name);
      Cli.run("bench", file, "--duration", "0.1").refused(2, name);
    } else {
      Cli.run("build", file, "-o", out).refused(2, name);
    }
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  private Path file(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  @Test
  void missingFilesAndFolders() throws IOException {
    refusedByAll(folder.resolve("missing.sluice"), true);
    refusedByAll(folder.resolve("missing.onnx"), false);
    refusedByAll(Files.createDirectory(folder.resolve("folder.sluice")), true);
    refusedByAll(Files.createDirectory(folder.resolve("folder.onnx")), false);
  }

  @Test
  void emptyNoiseAndText() throws IOException {
    byte[] noise = new byte[5000];
    new SplittableRandom(SEED).nextBytes(noise);
    byte[] text = "not a model\n".getBytes(StandardCharsets.UTF_8);
    for (byte[] content : new byte[][] {{}, noise, text}) {
      refusedByAll(file("bad.sluice", content), true);
      refusedByAll(file("bad.onnx", content), false);
    }
  }

  @Test
  void theOtherKindOfFile() throws IOException {
    refusedByAll(file("really-a-model.sluice", Files.readAllBytes(model)), true);
    Path packed = file("really-a-package.onnx", Files.readAllBytes(good));
    Cli.run("build", packed, "-o", folder.resolve("out")).refused(2, "a package already");
  }

  @Test
  void truncatedFiles() throws IOException {
    byte[] packed = Files.readAllBytes(good);
    for (int length : new int[] {1, 30, packed.length / 2, packed.length - 1}) {
      refusedByAll(file("cut.sluice", Arrays.copyOf(packed, length)), true);
    }
    byte[] onnx = Files.readAllBytes(model);
    for (int length : new int[] {1, onnx.length / 2, onnx.length - 1}) {
      refusedByAll(file("cut.onnx", Arrays.copyOf(onnx, length)), false);
    }
  }

  @Test
  void aFlippedBitAnywhere() throws IOException {
    byte[] packed = Files.readAllBytes(good);
    SplittableRandom random = new SplittableRandom(SEED);
    for (int i = 0; i < 40; i++) {
      byte[] flipped = packed.clone();
      int at = random.nextInt(packed.length);
      flipped[at] ^= (byte) (1 << random.nextInt(8));
      Path file = file("flipped.sluice", flipped);
      Cli.run("inspect", file).refused(2, "flipped.sluice");
      if (i % 8 == 0) {
        refusedByAll(file, true);
      }
    }
  }

  @Test
  void aNewerFormat() throws IOException {
    String comment = "Sluice package, format 1";
    String packed = Files.readString(good, StandardCharsets.ISO_8859_1);
    assertThat(packed).contains(comment);
    Path newer =
        file(
            "newer.sluice",
            packed
                .replace(comment, "Sluice package, format 9")
                .getBytes(StandardCharsets.ISO_8859_1));
    refusedByAll(newer, true);
    assertThat(Cli.run("inspect", newer).err()).contains("format '9'", "up to format 3");
  }
}
