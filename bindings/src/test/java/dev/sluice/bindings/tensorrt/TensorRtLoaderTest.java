package dev.sluice.bindings.tensorrt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ForkedJvm;
import dev.sluice.bindings.cuda.CudaDriverLoader;
import dev.sluice.bindings.cuda.StandInLibrary;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In a JVM of its own, with the presets on its class path but without their native jars. */
class TensorRtLoaderTest {
  private static final String JAVA_CPP = "org.bytedeco.";

  @TempDir private Path folder;

  /** Prints what the loader says of a machine with this driver. */
  static final class Main {
    private Main() {}

    public static void main(String[] args) {
      TensorRtLoader.Result result = TensorRtLoader.load(CudaDriverLoader.load(Path.of(args[0])));
      System.out.println("loaded: " + result.api().isPresent());
      System.out.println("ready: " + result.report().driver().ready());
      result.missing().forEach(line -> System.out.println("missing: " + line));
      result.remedies().forEach(line -> System.out.println("remedy: " + line));
    }
  }

  /** What the loader said, and the classes that were loaded. */
  private record Outcome(String out, String loadedClasses) {}

  private Outcome load(Path driver, Predicate<String> onClassPath)
      throws IOException, InterruptedException {
    Path classes = folder.resolve("classes");
    String classPath =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(onClassPath)
            .collect(Collectors.joining(File.pathSeparator));
    ForkedJvm.Result result =
        ForkedJvm.start(
                folder,
                List.of(
                    "--enable-native-access=ALL-UNNAMED",
                    "-Dorg.bytedeco.javacpp.cachedir=" + folder.resolve("cache"),
                    "-Xlog:class+load:file=" + classes,
                    "-cp",
                    classPath,
                    Main.class.getName(),
                    driver.toString()))
            .join();
    assertThat(result.err()).isEmpty();
    assertThat(result.status()).isZero();
    return new Outcome(result.out(), Files.readString(classes));
  }

  @Test
  void withoutADriverItIsRefusedBeforeJavaCpp() throws Exception {
    Outcome outcome = load(folder.resolve("libcuda.so.1"), _ -> true);

    assertThat(outcome.out())
        .contains("loaded: false", "missing: no CUDA driver", "remedy: install the NVIDIA driver");
    assertThat(outcome.loadedClasses())
        .contains(TensorRtLoader.class.getName())
        .doesNotContain(JAVA_CPP);
  }

  @Test
  void anOldDriverIsRefusedBeforeJavaCpp() throws Exception {
    Path driver = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 12_040, 0, "");

    Outcome outcome = load(driver, _ -> true);

    assertThat(outcome.out()).contains("loaded: false", "offers CUDA 12.4");
    assertThat(outcome.loadedClasses()).doesNotContain(JAVA_CPP);
  }

  @Test
  void withoutThePresetsTheirAbsenceIsNamed() throws Exception {
    Path driver = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 13_000, 0, "");

    Outcome outcome = load(driver, entry -> !entry.contains("bytedeco"));

    assertThat(outcome.out())
        .contains(
            "loaded: false",
            "ready: true",
            "missing: org.bytedeco.tensorrt.global.nvinfer is not on the class path",
            "remedy: add org.bytedeco:tensorrt");
  }

  /** Also shows that the search for JavaCPP's classes above finds them where they are loaded. */
  @Test
  void presetsThatDoNotLoadAreRefusedWithTheirReason() throws Exception {
    Path driver = StandInLibrary.driver(folder.resolve("libcuda.so.1"), 13_000, 0, "");

    Outcome outcome = load(driver, _ -> true);

    assertThat(outcome.out())
        .contains(
            "loaded: false",
            "ready: true",
            "missing: the presets do not load: ",
            "remedy: put the presets' jars for this platform on the class path");
    assertThat(outcome.loadedClasses()).contains(JAVA_CPP);
  }

  @Test
  void aReleaseIsWrittenInWords() {
    assertThat(TensorRtLoader.versionText(110_203)).isEqualTo("11.2.3");
  }
}
