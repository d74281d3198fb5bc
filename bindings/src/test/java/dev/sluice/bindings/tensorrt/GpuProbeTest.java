package dev.sluice.bindings.tensorrt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.StandInLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The probe in a JVM of its own, with the presets on its class path but without their native jars.
 */
class GpuProbeTest {
  private static final String JAVA_CPP = "org.bytedeco.";

  @TempDir private Path folder;

  /** What a run of the probe left. */
  private record Outcome(int status, String out, String err, String loadedClasses) {}

  private Outcome probe(String... arguments) throws IOException, InterruptedException {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Path classes = folder.resolve("classes");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=deny");
    command.add("-Dorg.bytedeco.javacpp.cachedir=" + folder.resolve("cache"));
    command.add("-Xlog:class+load:file=" + classes);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(GpuProbe.class.getName());
    command.addAll(List.of(arguments));
    ProcessBuilder process =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    // Options for every JVM would announce themselves on stderr.
    process.environment().remove("JAVA_TOOL_OPTIONS");
    int status = process.start().waitFor();
    return new Outcome(
        status, Files.readString(out), Files.readString(err), Files.readString(classes));
  }

  @Test
  void withoutADriverSaysSoAndTouchesNoJavaCpp() throws Exception {
    Outcome outcome = probe("--driver", folder.resolve("libcuda.so.1").toString());

    assertThat(outcome.out())
        .contains("libcuda.so.1: no such file")
        .contains("No GPU to probe: no CUDA driver: libcuda.so.1 was not found or does not load.")
        .contains("install the NVIDIA driver 580 or newer");
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.status()).isZero();
    assertThat(outcome.loadedClasses()).contains(GpuProbe.class.getName()).doesNotContain(JAVA_CPP);
  }

  @Test
  void withADriverThatSeesNoDeviceSaysSo() throws Exception {
    Path driver = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 13_000, 100, "");

    Outcome outcome = probe("--driver", driver.toString());

    assertThat(outcome.out())
        .contains("No GPU to probe: cuInit(0) failed with CUDA_ERROR_NO_DEVICE");
    assertThat(outcome.status()).isZero();
    assertThat(outcome.loadedClasses()).doesNotContain(JAVA_CPP);
  }

  @Test
  void anOldDriverIsAFailure() throws Exception {
    Path driver = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 12_040, 0, "");

    Outcome outcome = probe("--driver", driver.toString());

    assertThat(outcome.out()).contains("The driver is not usable").contains("offers CUDA 12.4");
    assertThat(outcome.status()).isEqualTo(1);
    assertThat(outcome.loadedClasses()).doesNotContain(JAVA_CPP);
  }

  /** Also shows that the search for JavaCPP's classes above finds them where they are loaded. */
  @Test
  void aStepThatFailsSaysWhatToDoAndIsCounted() throws Exception {
    Path driver = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 13_000, 0, "");

    Outcome outcome = probe("--driver", driver.toString());

    assertThat(outcome.out())
        .contains("Stand-in, sm7576, 16 multiprocessors")
        .containsPattern("find the presets +OK")
        .containsPattern("load TensorRT +FAILED")
        .contains("put the presets' jars for this platform on the class path")
        .containsPattern("VERDICT The presets load on a driver of CUDA 13.0 +NO")
        .contains("Steps that failed: 1;");
    assertThat(outcome.status()).isEqualTo(1);
    assertThat(outcome.loadedClasses()).contains(JAVA_CPP);
  }

  @Test
  void wrongArgumentsAreRefused() throws Exception {
    Outcome outcome = probe("--device", "0");

    assertThat(outcome.err().strip()).isEqualTo("usage: GpuProbe [--driver FILE]");
    assertThat(outcome.status()).isEqualTo(2);
  }
}
