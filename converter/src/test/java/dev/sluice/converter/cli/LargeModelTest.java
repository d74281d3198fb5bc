package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Weights are mapped, never on the heap and never copied: a model of 1 GiB is built and run in
 * processes of little heap, whose memory is watched. {@code -Dsluice.large=3072} makes it 3 GiB.
 */
class LargeModelTest {
  private static final int SIZE_MIB = Integer.getInteger("sluice.large", 1024);

  /** All of the process but pages of files: heap, code, ONNX Runtime's memory. */
  private static final long MAX_MEMORY_MIB = 1024;

  private static final String MAX_HEAP = "-Xmx256m";

  @TempDir private Path folder;
  private final LargeModel model = new LargeModel(SIZE_MIB);
  private final float[] row = new float[LargeModel.WIDTH];

  @BeforeEach
  void linux() {
    assumeTrue(Files.exists(Path.of("/proc/self/status")), "memory is read from /proc");
    Random random = new Random(2);
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) random.nextGaussian();
    }
  }

  /**
   * Runs the command in a process of its own.
   *
   * @return the most that each kind of its memory took, in MiB
   */
  private Map<String, Long> sluice(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            MAX_HEAP,
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=deny",
            "-cp",
            System.getProperty("java.class.path"),
            Sluice.class.getName()));
    command.addAll(List.of(arguments));
    Path log = folder.resolve("log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    Map<String, Long> most = new TreeMap<>();
    try {
      while (process.isAlive()) {
        memory(process.pid()).forEach((kind, mib) -> most.merge(kind, mib, Math::max));
        Thread.sleep(20);
      }
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.waitFor()).as(Files.readString(log)).isZero();
    System.out.println(SIZE_MIB + " MiB of weights, sluice " + arguments[0] + ": MiB " + most);
    return most;
  }

  private static Map<String, Long> memory(long process) {
    Map<String, Long> memory = new TreeMap<>();
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + process + "/status"))) {
        if (line.startsWith("Rss") || line.startsWith("VmHWM")) {
          String kind = line.substring(0, line.indexOf(':'));
          memory.put(kind, Long.parseLong(line.replaceAll("\\D", "")) / 1024);
        }
      }
    } catch (IOException e) {
      return Map.of(); // it has just ended
    }
    return memory;
  }

  private void builtAndRun(Path file) throws Exception {
    Path packed = folder.resolve("large.sluice");
    Map<String, Long> build = sluice("build", file.toString(), "-o", packed.toString());
    assertThat(build.get("RssAnon") + build.get("RssShmem")).isLessThan(MAX_MEMORY_MIB);
    assertThat(Files.size(packed)).isGreaterThan((long) SIZE_MIB << 20);
    Path x = Models.floats(folder.resolve("x.npy"), Shape.of(1, row.length), row);
    Map<String, Long> run =
        sluice("run", packed.toString(), "--input", "x=" + x, "-o", folder.toString());
    assertThat(run.get("RssAnon") + run.get("RssShmem")).isLessThan(MAX_MEMORY_MIB);
    float[] actual =
        Npy.read(folder.resolve("y.npy")).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    float[] expected = model.answer(row);
    // Sums of 8,192 products in another order, twice a pair of layers; tanh keeps them below 1.
    assertThat(actual).hasSize(expected.length).containsExactly(expected, within(1e-3f));
    assertThat(actual[0]).isNotEqualTo(actual[1]);
  }

  @Test
  void weightsInOtherFiles() throws Exception {
    builtAndRun(model.external(folder));
  }

  @Test
  void weightsInside() throws Exception {
    assumeTrue(SIZE_MIB < 2048, "a message has at most 2 GiB");
    builtAndRun(model.inline(folder));
  }
}
