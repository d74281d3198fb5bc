package dev.sluice.bench.zoo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine;

/** What {@code bench/results/zoo.txt} claims, held on every build. */
class ZooPrecisionTest {
  /** These samples are not quite of the kind that was held out: another generator makes them. */
  private static final double ANOTHER_GENERATOR_DB = 1.5;

  private static final double ANOTHER_GENERATOR_SHARE = 0.004;

  @ParameterizedTest
  @EnumSource(ZooModel.class)
  void lowerPrecisionKeepsItsPromise(ZooModel model) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    int status =
        new CommandLine(new ZooTable(out)).execute("--models", model.name(), "--cpu-graph", "INT8");
    String table = bytes.toString(StandardCharsets.UTF_8);
    assertThat(status).as(table).isZero();
    double fp32 = 0;
    int lines = 0;
    for (String line : table.lines().skip(1).toList()) {
      String[] words = line.split("\\s+", -1);
      double accuracy = Double.parseDouble(words[4]);
      double agreement = Double.parseDouble(words[5]);
      if (words[1].equals("fp32")) {
        fp32 = accuracy;
        assertThat(accuracy).as(line).isBetween(90.0, 99.0);
      }
      assertThat(accuracy).as(line).isGreaterThan(fp32 - 1);
      assertThat(agreement).as(line).isGreaterThanOrEqualTo(0.98);
      assertThat(number(words[7])).as(line).isGreaterThanOrEqualTo(20);
      // The build said what samples that it had not seen would have at least.
      assertThat(
              words[6].equals("-")
                  || agreement >= Double.parseDouble(words[6]) - ANOTHER_GENERATOR_SHARE)
          .as(line)
          .isTrue();
      assertThat(words[8].equals("-") || number(words[7]) > number(words[8]) - ANOTHER_GENERATOR_DB)
          .as(line)
          .isTrue();
      lines++;
    }
    // FP32, and two graphs for each of INT8, FP16 and BF16.
    assertThat(lines).as(table).isEqualTo(7);
  }

  /** Decibels; where nothing differs there is a dash. */
  private static double number(String word) {
    return word.equals("-") ? Double.POSITIVE_INFINITY : Double.parseDouble(word);
  }
}
