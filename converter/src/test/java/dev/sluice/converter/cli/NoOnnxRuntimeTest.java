package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Where ONNX Runtime's library does not load: another system's, say, or none at all. */
@Timeout(120)
class NoOnnxRuntimeTest {
  @TempDir Path folder;

  /** Runs the command once for each group of arguments, which a word ends. */
  static final class Several {
    private static final String END = "--";

    private Several() {}

    public static void main(String[] arguments) {
      List<Object> words = new ArrayList<>();
      for (String argument : arguments) {
        if (!argument.equals(END)) {
          words.add(argument);
          continue;
        }
        Cli cli = Cli.run(words.toArray());
        System.out.println(words.getFirst() + " " + cli.status());
        System.out.print(cli.out() + cli.err());
        words.clear();
      }
    }
  }

  private String output(Path library) throws IOException, InterruptedException {
    Path model = Models.product(folder);
    ProcessBuilder command =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Dsluice.onnxruntime.library=" + library,
            "-cp",
            System.getProperty("java.class.path"),
            Several.class.getName());
    for (String line :
        List.of("inspect " + model, "build " + model, "doctor", "inspect " + model + " --json")) {
      command.command().addAll(List.of(line.split(" ", -1)));
      command.command().add(Several.END);
    }
    Process process = command.redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return out;
  }

  @Test
  void everyCommandSaysSo() throws IOException, InterruptedException {
    Path library = Models.product(folder);
    String out = output(library);
    assertThat(out)
        .contains("inspect 0", "x  float[N,3]", "not known: ONNX Runtime tells no shapes")
        .contains("build 1", "sluice: the system's loader refuses " + library, "it needs glibc")
        .contains(
            "doctor 0", "cpu: does not work", "ONNX Runtime does not load: the system's loader")
        .contains("remedy", "use the ONNX Runtime that comes with Sluice")
        .contains("\"total\":null")
        .doesNotContain("defect")
        .doesNotContainPattern(Cli.INTERNAL);
  }
}
