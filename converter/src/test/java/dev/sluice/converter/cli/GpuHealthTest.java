package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.nvml.GpuReading;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class GpuHealthTest {
  @Test
  void leavesOutWhatAGpuDoesNotTell() {
    OptionalLong none = OptionalLong.empty();
    GpuReading reading =
        new GpuReading(
            "GPU of test",
            "GPU-1",
            none,
            none,
            OptionalLong.of(5),
            none,
            OptionalLong.of(61),
            none,
            none,
            none,
            none,
            none,
            none,
            List.of("software power cap"),
            none,
            none,
            Optional.of("exclusive process"),
            OptionalLong.of(1),
            none,
            List.of());
    Map<String, Object> facts = GpuHealth.facts(reading);
    assertThat(facts)
        .containsOnlyKeys(
            "name",
            "uuid",
            "memoryUsedBytes",
            "temperatureC",
            "slowedBy",
            "computeMode",
            "migEnabled",
            "processes")
        .containsEntry("temperatureC", 61L);
    TextTable table = new TextTable();
    new GpuHealth(Map.of("version", "13.0", "library", "l"), List.of(facts), "").rows(table);
    StringWriter text = new StringWriter();
    table.print(new PrintWriter(text, true));
    assertThat(text.toString())
        .contains("NVRTC 13.0", "temperatureC 61", "slowedBy [software power cap]")
        .doesNotContain("processes");
  }
}
