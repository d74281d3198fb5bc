package dev.sluice.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RegressionTest {
  private static final String MACHINE = "a processor, 2 cores, Linux";

  @TempDir private Path folder;
  private int files;

  private record Run(int status, String text) {
    /** The words before a row in the list of all. */
    String verdict(String id) {
      return text.lines()
          .filter(line -> line.contains(id))
          .map(line -> line.substring(0, line.indexOf(id)).strip())
          .findFirst()
          .orElse("not there");
    }
  }

  /** The engine's rows per second over a peer's; 2 or more are asked for. */
  private static TableRow rows(double low, double median, double high) {
    PairedRatio ratio = new PairedRatio(median, low, high);
    return new TableRow(
        "b-rows", "b", "rows", "a peer", "rows/s", median, 1, ratio, true, 2.0, false);
  }

  /** The same of its latency; nothing is asked for. */
  private static TableRow time(double low, double median, double high) {
    PairedRatio ratio = new PairedRatio(median, low, high);
    return new TableRow(
        "a-time", "a", "time", "a peer", "us", median, 1, ratio, false, null, false);
  }

  private Path file(String machine, TableRow... rows) throws IOException {
    Path file = folder.resolve(files++ + ".json");
    Map<String, String> versions = Map.of("Java", "25", "ONNX Runtime", "1." + files);
    new TableResults("2026-11-27", "", machine, versions, List.of(rows)).write(file);
    return file;
  }

  private Path file(TableRow... rows) throws IOException {
    return file(MACHINE, rows);
  }

  private static Run run(Object... arguments) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    int status =
        Regression.command(out)
            .setErr(new PrintWriter(out, true, StandardCharsets.UTF_8))
            .execute(Stream.of(arguments).map(Object::toString).toArray(String[]::new));
    return new Run(status, bytes.toString(StandardCharsets.UTF_8));
  }

  private Run compare(TableRow before, TableRow now) throws IOException {
    return run(file(before), file(now));
  }

  @Test
  void equalRunsAreTheSame() throws Exception {
    Run run = compare(rows(2.9, 3, 3.1), rows(2.9, 3, 3.1));
    assertThat(run.status()).as(run.text()).isZero();
    assertThat(run.verdict("b-rows")).isEqualTo("same");
    assertThat(run.text())
        .contains("3.000 (2.900 to 3.100)", "1 rows, 0 of them", "ONNX Runtime 1.2, not 1.1")
        .doesNotContain("with Java");
  }

  @Test
  void noiseIsNotWorse() throws Exception {
    // The intervals meet.
    assertThat(compare(rows(2.5, 3, 3.1), rows(1.8, 2.2, 2.5)).status()).isZero();
    assertThat(compare(time(0.5, 0.6, 0.7), time(0.7, 0.9, 1.1)).status()).isZero();
    // They don't, but there is little between the medians.
    assertThat(compare(rows(2.99, 3, 3.01), rows(2.91, 2.92, 2.93)).status()).isZero();
    assertThat(compare(time(0.99, 1, 1.01), time(1.02, 1.025, 1.03)).status()).isZero();
  }

  @Test
  void whatIsWorseBeyondTheNoiseIsNamed() throws Exception {
    Run slower = compare(rows(2.9, 3, 3.1), rows(2.4, 2.5, 2.6));
    assertThat(slower.status()).isEqualTo(1);
    assertThat(slower.verdict("b-rows")).isEqualTo("WORSE");
    Run longer = compare(time(0.9, 1, 1.1), time(1.2, 1.3, 1.4));
    assertThat(longer.status()).isEqualTo(1);
    assertThat(longer.verdict("a-time")).isEqualTo("WORSE");
    assertThat(longer.text()).contains("1.000 (0.9000 to 1.100)", "1.300 (1.200 to 1.400)");
  }

  @Test
  void aBarThatIsMissedNowIsNamedAsSuch() throws Exception {
    Run run = compare(rows(2.4, 2.5, 2.6), rows(1.7, 1.8, 1.9));
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.verdict("b-rows")).isEqualTo("BAR MISSED");
    assertThat(run.text()).contains("bar >= 2.00: missed");
    // It was missed before.
    Run before = compare(rows(1.7, 1.8, 1.9), rows(1.4, 1.5, 1.6));
    assertThat(before.verdict("b-rows")).isEqualTo("WORSE");
    // Within the noise it is told, but fails nothing.
    Run noise = compare(rows(1.7, 2.1, 2.3), rows(1.5, 1.9, 2.2));
    assertThat(noise.status()).isZero();
    assertThat(noise.text()).contains("bar >= 2.00: missed");
  }

  @Test
  void whatIsBetterIsNotWorse() throws Exception {
    assertThat(compare(rows(2.4, 2.5, 2.6), rows(2.9, 3, 3.1)).verdict("b-rows"))
        .isEqualTo("better");
    Run run = compare(time(1.2, 1.3, 1.4), time(0.9, 1, 1.1));
    assertThat(run.status()).isZero();
    assertThat(run.verdict("a-time")).isEqualTo("better");
  }

  @Test
  void whatAllocatesNowIsWorse() throws Exception {
    assertThat(compare(time(0, 0, 0), time(0, 0, 0)).verdict("a-time")).isEqualTo("same");
    Run run = compare(time(0, 0, 0), time(0.0001, 0.0002, 0.0003));
    assertThat(run.verdict("a-time")).isEqualTo("WORSE");
    assertThat(run.text()).contains("0.0002000 (0.0001000 to 0.0003000)");
    double none = Double.NaN;
    assertThat(compare(time(0, 0, 0), time(none, none, none)).verdict("a-time")).isEqualTo("GONE");
    assertThat(compare(time(none, none, none), time(none, none, none)).verdict("a-time"))
        .isEqualTo("same");
  }

  @Test
  void aRowThatVanishedIsNamedAndANewOneIsNot() throws Exception {
    Run run = run(file(rows(2.9, 3, 3.1)), file(time(0.9, 1, 1.1)));
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.verdict("b-rows")).isEqualTo("GONE");
    assertThat(run.verdict("a-time")).isEqualTo("new");
    assertThat(run.text()).contains("2 rows, 1 of them");
  }

  @Test
  void ofSeveralResultsARowIsWorseWhereItIsSoInEach() throws Exception {
    Path before = file(rows(2.9, 3, 3.1), time(0.9, 1, 1.1));
    Path slow = file(rows(2.4, 2.5, 2.6), time(0.9, 1, 1.1));
    Path other = file(rows(2.9, 3, 3.1), time(1.2, 1.3, 1.4));
    assertThat(run(before, slow, slow).status()).isEqualTo(1);
    assertThat(run(before, other, other).status()).isEqualTo(1);
    Run both = run(before, slow, other);
    assertThat(both.status()).as(both.text()).isZero();
    assertThat(both.verdict("b-rows")).isEqualTo("same");
  }

  @Test
  void otherMachinesAreRefused() throws Exception {
    Path before = file(rows(2.9, 3, 3.1));
    Path now = file("another, 64 cores", rows(2.9, 3, 3.1));
    Run run = run(before, now);
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.text()).contains(MACHINE, "another, 64 cores", "--any-machine");
    assertThat(run("--any-machine", before, now).status()).isZero();
  }

  @Test
  void filesThatAreNoResultsAreRefused() throws Exception {
    Path good = file(rows(2.9, 3, 3.1));
    Path bad = Files.writeString(folder.resolve("bad.json"), "{\"rows\": 3");
    List<Run> runs = new ArrayList<>();
    runs.add(run(good, bad));
    runs.add(run(folder.resolve("missing.json"), good));
    runs.add(run(good));
    runs.add(run(good, file(rows(2, 3, 4), rows(2, 3, 4))));
    assertThat(runs).allSatisfy(run -> assertThat(run.status()).as(run.text()).isEqualTo(2));
  }
}
