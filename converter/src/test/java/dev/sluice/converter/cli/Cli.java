package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.cuda.GpuLibraries;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.TreeMap;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Runs the command in this process and keeps what it printed. */
record Cli(int status, String out, String err) {
  /** Names of exceptions, and records as Java prints them. */
  static final String INTERNAL = "\\w+(Exception|Error)\\b|\\w\\[\\w+=";

  static Cli run(Object... arguments) {
    return on(null, arguments);
  }

  /** Runs it with other GPU libraries than this machine's. */
  static Cli on(GpuLibraries.Result gpu, Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status =
        Sluice.execute(
            new PrintWriter(out, true),
            new PrintWriter(err, true),
            gpu,
            Stream.of(arguments).map(Object::toString).toList());
    return new Cli(status, out.toString(), err.toString());
  }

  /** What was printed, which must be one JSON object in one line and nothing else. */
  JsonNode json() {
    assertThat(out).as("standard output; standard error is: %s", err).isNotBlank();
    assertThat(out.strip().lines()).hasSize(1);
    return JsonMapper.shared().readTree(out);
  }

  /** Checks that the command ended well. */
  Cli done() {
    assertThat(status).as("status; standard error is: %s", err).isZero();
    assertThat(err).isEmpty();
    return this;
  }

  /** Checks that the command refused with a message, and printed no trace and no result. */
  Cli refused(int expected, String... words) {
    assertThat(status).as("status; standard error is: %s", err).isEqualTo(expected);
    assertThat(err).startsWith("sluice: ").contains(words).doesNotContain("\tat ", "defect");
    assertThat(err).as("a message for people").doesNotContainPattern(INTERNAL);
    assertThat(out).isEmpty();
    return this;
  }

  /** Name and content of every file below a folder, to compare before and after. */
  static TreeMap<String, String> files(Path folder) throws IOException {
    TreeMap<String, String> files = new TreeMap<>();
    try (Stream<Path> all = Files.walk(folder)) {
      all.forEach(file ->
          files.put(
              folder.relativize(file).toString(),
              Files.isRegularFile(file) ? content(file) : "folder"));
    }
    return files;
  }

  private static String content(Path file) {
    try {
      return HexFormat.of().formatHex(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
