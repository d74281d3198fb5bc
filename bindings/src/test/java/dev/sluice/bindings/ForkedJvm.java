package dev.sluice.bindings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A JVM of its own for what must not happen in the test's: the same JDK, its output in files.
 *
 * <p>Thread safety: none.
 */
public final class ForkedJvm {
  private static final long LIMIT_S = 120;

  private final Process process;
  private final Path out;
  private final Path err;

  private ForkedJvm(Process process, Path out, Path err) {
    this.process = process;
    this.out = out;
    this.err = err;
  }

  /**
   * How a JVM ended.
   *
   * @param status its exit status
   * @param out what it wrote to stdout
   * @param err what it wrote to stderr
   */
  public record Result(int status, String out, String err) {}

  /**
   * Starts a JVM.
   *
   * @param folder where its output goes
   * @param arguments everything after {@code java}
   */
  public static ForkedJvm start(Path folder, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(arguments);
    Path out = Files.createTempFile(folder, "jvm", ".out");
    Path err = Files.createTempFile(folder, "jvm", ".err");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    // These would add a line to stderr.
    builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"));
    return new ForkedJvm(builder.start(), out, err);
  }

  /** Starts a main class of the tests on the tests' class path, with native access. */
  public static ForkedJvm start(
      Path folder, List<String> options, Class<?> main, String... arguments) throws IOException {
    List<String> all = new ArrayList<>(options);
    all.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            main.getName()));
    all.addAll(List.of(arguments));
    return start(folder, all);
  }

  /** Waits for its end. */
  public Result join() throws IOException, InterruptedException {
    if (!process.waitFor(LIMIT_S, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError(
          "still running after " + LIMIT_S + " s; stderr: " + Files.readString(err));
    }
    return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
  }
}
