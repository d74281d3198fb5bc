package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script at the repository's root, on a tree that looks built: its jars are replaced by one
 * that only prints its arguments.
 */
@Timeout(120)
class LauncherTest {
  private static final Path SCRIPT = Path.of(System.getProperty("sluice.root", ".."), "sluice");

  /** Prints its arguments, a line each. */
  private static final String ECHO =
      """
      package dev.sluice.converter.cli;
      public class Sluice {
        public static void main(String[] arguments) {
          for (String argument : arguments) {
            System.out.println("<" + argument + ">");
          }
          System.exit(arguments.length);
        }
      }
      """;

  @TempDir Path folder;
  private Path root;

  @BeforeEach
  void copyTheScript() throws IOException {
    assumeTrue(Files.isRegularFile(SCRIPT), "there is no launcher beside the sources");
    root = Files.createDirectory(folder.resolve("a tree"));
    Files.copy(SCRIPT, root.resolve("sluice"));
    assertThat(root.resolve("sluice").toFile().setExecutable(true)).isTrue();
  }

  private record Ended(int status, String out, String err) {}

  private Ended run(Map<String, String> environment, Path from, String... command)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile(folder, "out", "");
    Path err = Files.createTempFile(folder, "err", "");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(from.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Ended(
        process.exitValue(),
        Files.readString(out, StandardCharsets.UTF_8),
        Files.readString(err, StandardCharsets.UTF_8));
  }

  private static Map<String, String> thisJdk() {
    return Map.of("JAVA_HOME", System.getProperty("java.home"), "SLUICE_JAVA_OPTIONS", "");
  }

  private void pretendThatItIsBuilt() throws IOException, InterruptedException {
    Path source = Files.writeString(folder.resolve("Sluice.java"), ECHO);
    Path classes = Files.createDirectories(folder.resolve("classes"));
    Path target = Files.createDirectories(root.resolve("converter/target"));
    Path bin = Path.of(System.getProperty("java.home"), "bin");
    List<String> compile = new ArrayList<>(List.of(bin.resolve("javac").toString()));
    compile.addAll(List.of("-d", classes.toString(), source.toString()));
    assertThat(run(Map.of(), folder, compile.toArray(String[]::new)).status()).isZero();
    String jar = target.resolve("sluice-converter-0.jar").toString();
    String[] pack = {bin.resolve("jar").toString(), "-cf", jar, "-C", classes.toString(), "."};
    assertThat(run(Map.of(), folder, pack).status()).isZero();
    Files.writeString(root.resolve("pom.xml"), "");
    Files.createFile(target.resolve("sluice-launcher.stamp"));
  }

  @Test
  void passesArgumentsAndStatusThroughALinkFromAnywhere() throws Exception {
    pretendThatItIsBuilt();
    Path link = Files.createSymbolicLink(folder.resolve("link"), root.resolve("sluice"));
    Ended ended = run(thisJdk(), Path.of("/"), link.toString(), "a b", "", "*", "--c=\"d\"");
    assertThat(ended.out()).isEqualTo("<a b>\n<>\n<*>\n<--c=\"d\">\n");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.status()).isEqualTo(4);
  }

  @Test
  void buildsWhereTheSourcesAreNewerAndSaysHowThatFailed() throws Exception {
    pretendThatItIsBuilt();
    Path tools = Files.createDirectory(folder.resolve("tools"));
    Path maven = Files.writeString(tools.resolve("mvn"), "#!/bin/sh\necho '[ERROR] no'; exit 1\n");
    assertThat(maven.toFile().setExecutable(true)).isTrue();
    Path source = root.resolve("engine/src/main/New.java");
    Files.createDirectories(source.getParent());
    Files.createFile(source);
    source.toFile().setLastModified(System.currentTimeMillis() + 10_000);
    Map<String, String> environment = new HashMap<>(thisJdk());
    environment.put("PATH", tools + ":" + System.getenv("PATH"));
    Ended ended = run(environment, folder, root.resolve("sluice").toString(), "x");
    assertThat(ended.status()).isEqualTo(1);
    assertThat(ended.err()).contains("building", "[ERROR] no", "the build failed");
    assertThat(ended.out()).isEmpty();
  }
}
