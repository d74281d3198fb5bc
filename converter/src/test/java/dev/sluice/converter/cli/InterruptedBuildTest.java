package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.cuda.GpuLibraries;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A process that is asked to end while it builds a plan leaves nothing behind. */
@Timeout(120)
class InterruptedBuildTest {
  private static final String MIDWAY = "midway";

  @TempDir Path folder;
  @TempDir Path cache;

  /** Builds on a simulated GPU whose builds do not end by themselves. */
  static final class Endless {
    private Endless() {}

    public static void main(String[] arguments) {
      PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
      Runnable midBuild =
          () -> {
            out.println(MIDWAY);
            while (!Thread.currentThread().isInterrupted()) {
              Thread.onSpinWait();
            }
          };
      SimulatedGpu gpu = new SimulatedGpu(Path.of(arguments[0]), "H", 9, 0, trt -> trt, midBuild);
      GpuLibraries.Result libraries = gpu.libraries;
      int status =
          Sluice.execute(out, out, libraries, List.of("build", arguments[1], "--device", "cuda"));
      out.println("status " + status);
    }
  }

  @Test
  void asOnCtrlC() throws IOException, InterruptedException {
    Path model = Models.product(folder);
    Map<String, String> before = Cli.files(folder);
    ProcessBuilder command =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-cp",
            System.getProperty("java.class.path"),
            Endless.class.getName(),
            cache.toString(),
            model.toString());
    Process process = command.redirectErrorStream(true).start();
    try (BufferedReader out =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      String line = out.readLine();
      while (line != null && !line.equals(MIDWAY)) {
        line = out.readLine();
      }
      assertThat(line).isEqualTo(MIDWAY);
      assertThat(Cli.files(folder)).isNotEqualTo(before);
      // The signal that runs the same shutdown as Ctrl-C.
      process.destroy();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.exitValue()).isNotZero();
    assertThat(Cli.files(folder)).isEqualTo(before);
    assertThat(Files.exists(folder.resolve("product.sluice"))).isFalse();
  }
}
