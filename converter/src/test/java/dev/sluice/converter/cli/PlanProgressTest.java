package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** The line that tells how a build goes. */
class PlanProgressTest {
  private final StringWriter text = new StringWriter();
  private final AtomicLong nowNs = new AtomicLong(5);

  private List<String> lines() {
    return text.toString().lines().filter(line -> !line.isEmpty()).map(String::strip).toList();
  }

  @Test
  void tellsPhaseAndStepsAndLeavesNothing() {
    try (PlanProgress progress = new PlanProgress(new PrintWriter(text), nowNs::get)) {
      progress.step("parse", 0, 1);
      nowNs.addAndGet(3_500_000_000L);
      progress.step("Building", 2, 4);
      // Too soon to be read.
      progress.step("Building", 3, 4);
      nowNs.addAndGet(200_000_000);
      progress.step("x".repeat(500), 0, 0);
    }
    assertThat(lines())
        .containsExactly(
            "0 s  [........................] 0/1 parse",
            "3 s  [############............] 2/4 Building",
            "3 s  " + "x".repeat(71),
            "");
    assertThat(text.toString()).endsWith("\r").doesNotContain("\n");
  }
}
