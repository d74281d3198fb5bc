package dev.sluice.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class AgreementTableTest {
  private static final Pattern LINE =
      Pattern.compile("tiny +(.+?)  +sluice bench +([0-9.]+)  JMH +([0-9.]+)  ratio ([0-9.]+) .*");

  @Test
  void bothInstrumentsMeasureWhatTheySay() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int status =
        AgreementTable.command(new PrintStream(bytes, true, StandardCharsets.UTF_8))
            .execute("--models", "tiny", "--rounds", "1", "--turn", "200");
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertThat(status).as(text).isZero();
    List<Matcher> lines = text.lines().map(LINE::matcher).toList();
    assertThat(lines).as(text).hasSize(3).allMatch(Matcher::matches);
    // One round on a busy machine tells no more than that the units are the same.
    for (Matcher line : lines) {
      assertThat(Double.parseDouble(line.group(2))).as(text).isPositive();
      assertThat(Double.parseDouble(line.group(3))).as(text).isPositive();
      assertThat(Double.parseDouble(line.group(4))).as(text).isBetween(0.02, 50.0);
    }
    assertThat(lines.getLast().group(1)).isEqualTo("64 callers, rows/s");
  }
}
