package dev.sluice.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code bench/nightly}, over a table whose results are written in this test. */
@Timeout(120)
class NightlyTest {
  @TempDir private Path folder;
  private Path keep;
  private Path table;

  private record Run(int status, String output) {}

  @BeforeEach
  void fakeATable() throws IOException {
    keep = folder.resolve("kept");
    table = folder.resolve("table");
    Files.createDirectory(folder.resolve("next"));
    // Hands out the next result that was laid down, whatever it is asked for.
    Files.writeString(
        table,
        """
        #!/usr/bin/env bash
        set -e
        echo "table $*"
        while [[ $1 != --json ]]; do shift; done
        next=$(find "%s" -type f | sort | head -n 1)
        mv "$next" "$2"
        """
            .formatted(folder.resolve("next")));
    assertThat(table.toFile().setExecutable(true)).isTrue();
  }

  /** What the table measures next, one after the other. */
  private void measures(double... ratios) throws IOException {
    for (int i = 0; i < ratios.length; i++) {
      write(folder.resolve("next").resolve(i + ".json"), ratios[i]);
    }
  }

  private static void write(Path file, double ratio) throws IOException {
    PairedRatio paired = new PairedRatio(ratio, ratio * 0.99, ratio * 1.01);
    TableRow row =
        new TableRow("b-rows", "b", "rows", "p", "rows/s", ratio, 1, paired, true, null, false);
    new TableResults("2026-11-27", "", "this machine", Map.of(), List.of(row)).write(file);
  }

  private double last() throws IOException {
    return TableResults.read(keep.resolve("last.json")).rows().getFirst().ratio().median();
  }

  private Run run(String... arguments) throws IOException, InterruptedException {
    Path script = Path.of(System.getProperty("sluice.root", ".."), "bench", "nightly");
    List<String> command = new ArrayList<>(List.of("bash", script.toString()));
    command.addAll(List.of("--keep", keep.toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("SLUICE_NIGHTLY_CLASSPATH", System.getProperty("java.class.path"));
    builder.environment().put("SLUICE_NIGHTLY_TABLE", table.toString());
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Run(process.waitFor(), output);
  }

  @Test
  void aResultThatPassesBecomesTheLast() throws Exception {
    measures(2.0, 1.99, 1.98);
    Run first = run("--models", "a,b");
    assertThat(first.status()).as(first.output()).isZero();
    assertThat(first.output()).contains("table --models a,b --json", "nothing to compare with yet");
    assertThat(last()).isEqualTo(2.0);
    Run second = run();
    assertThat(second.status()).as(second.output()).isZero();
    assertThat(second.output()).contains("2.000 (1.980 to 2.020)", "1.990 (1.970 to 2.010)");
    assertThat(last()).isEqualTo(1.99);
    try (Stream<Path> kept = Files.list(keep)) {
      assertThat(kept.map(Path::toString).filter(name -> name.endsWith(".json"))).hasSize(3);
    }
  }

  @Test
  void whatIsWorseTwiceFailsAndTheLastStays() throws Exception {
    measures(2.0, 1.7, 1.7);
    assertThat(run().status()).isZero();
    Run worse = run();
    assertThat(worse.status()).as(worse.output()).isEqualTo(1);
    assertThat(worse.output()).contains("once more", "1 rows, 1 of them", "WORSE");
    assertThat(last()).isEqualTo(2.0);
  }

  @Test
  void whatIsWorseOncePasses() throws Exception {
    measures(2.0, 1.7, 2.01);
    assertThat(run().status()).isZero();
    Run run = run();
    assertThat(run.status()).as(run.output()).isZero();
    assertThat(last()).isEqualTo(2.01);
  }

  @Test
  void aBaselineThatIsGivenComesBeforeTheLast() throws Exception {
    Path baseline = folder.resolve("baseline.json");
    write(baseline, 2.5);
    measures(2.0, 2.0, 2.0);
    assertThat(run().status()).isZero();
    Run run = run("--baseline", baseline.toString());
    assertThat(run.status()).as(run.output()).isEqualTo(1);
    assertThat(run.output()).contains("2.500 (2.475 to 2.525)", "WORSE");
  }

  @Test
  void whatCannotBeMeasuredOrComparedIsNoPass() throws Exception {
    Run nothing = run();
    assertThat(nothing.status()).as(nothing.output()).isEqualTo(2);
    assertThat(keep.resolve("last.json")).doesNotExist();
    assertThat(run("--baseline", folder.resolve("missing").toString()).status()).isEqualTo(2);
    assertThat(run("--json", "x").status()).isEqualTo(2);
    measures(2.0, 2.0);
    assertThat(run().status()).isZero();
    Path last = keep.resolve("last.json");
    Files.writeString(last, Files.readString(last).replace("this machine", "another"));
    Run other = run();
    assertThat(other.status()).as(other.output()).isEqualTo(2);
    assertThat(other.output()).contains("another", "--any-machine");
  }
}
