package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The script for the shell completes commands and options, asked as bash asks it. */
class CompletionTest {
  private static final Path BASH = Path.of("/bin/bash");

  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({
    "sluice ins, inspect",
    "sluice build --pa, --pad",
    "sluice bench --cal, --callers",
    "sluice inspect --la, --layers"
  })
  void completes(String typed, String expected) throws Exception {
    assumeTrue(Files.isExecutable(BASH), "there is no bash");
    Path script = folder.resolve("completion");
    Files.writeString(script, Cli.run("generate-completion").done().out());
    String ask =
        "source '"
            + script
            + "'; COMP_WORDS=("
            + typed
            + "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1));"
            + " $(complete -p sluice | sed 's/.*-F \\([^ ]*\\).*/\\1/');"
            + " printf '%s\\n' \"${COMPREPLY[@]}\"";
    Process bash = new ProcessBuilder(BASH.toString(), "-c", ask).redirectErrorStream(true).start();
    String answer = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(bash.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(answer.strip().lines()).contains(expected);
  }
}
