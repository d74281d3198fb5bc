package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

@Timeout(120)
class BenchCommandTest {
  @TempDir Path folder;
  private Path built;

  @BeforeEach
  void build() throws IOException {
    built = Models.built(Models.product(folder));
  }

  private static void checkReport(JsonNode json) {
    assertThat(json.get("device").asString()).isEqualTo("cpu");
    assertThat(json.get("rows").asLong()).isPositive();
    assertThat(json.get("throughputPerS").asDouble())
        .isEqualTo(json.get("rows").asLong() / json.get("seconds").asDouble());
    JsonNode latency = json.get("latencyUs");
    double last = 0;
    for (String percentile : new String[] {"p50", "p90", "p99", "p999", "max"}) {
      assertThat(latency.get(percentile).asDouble()).as(percentile).isGreaterThanOrEqualTo(last);
      last = latency.get(percentile).asDouble();
    }
    assertThat(last).isPositive();
    assertThat(json.get("batch").get("mean").asDouble()).isGreaterThanOrEqualTo(1);
    assertThat(json.get("batch").get("histogram").isEmpty()).isFalse();
    assertThat(json.get("errors").asLong()).isZero();
  }

  @Test
  void aClosedLoop() {
    JsonNode json =
        Cli.run("bench", built, "--callers", "4", "--duration", "0.4", "--json").done().json();
    checkReport(json);
    assertThat(json.get("loop").asString()).isEqualTo("closed");
    assertThat(json.get("callers").asInt()).isEqualTo(4);
    assertThat(json.get("rejected").asLong()).isZero();
    assertThat(json.get("allocatedBytesPerInference").isNumber()).isTrue();
  }

  @Test
  void anOpenLoopSendsAtItsRate() {
    JsonNode json =
        Cli.run("bench", built, "--rate", "200/s", "--duration", "1", "--json").done().json();
    checkReport(json);
    assertThat(json.get("loop").asString()).isEqualTo("open");
    assertThat(json.get("ratePerS").asDouble()).isEqualTo(200);
    long answered = json.get("rows").asLong() + json.get("rejected").asLong();
    assertThat(answered + json.get("notSent").asLong()).isBetween(100L, 201L);
  }

  @Test
  void virtualCallersWithSeveralRows() {
    Path two = Models.built(folder.resolve("product.onnx"), "--batch", "1:2:4");
    Cli cli = Cli.run("bench", two, "--virtual", "--callers", "8", "--duration", "0.4", "--json");
    checkReport(cli.done().json());
    assertThat(cli.json().get("allocatedBytesPerInference").isNull()).isTrue();
  }

  @Test
  void printsATableForPeople() {
    assertThat(Cli.run("bench", built, "--duration", "0.2").done().out())
        .contains("closed loop, 1 callers", "rows/s", "p99.9", "mean batch", "bytes of heap");
  }

  @Test
  void refusesBadUsage() {
    Cli.run("bench", built, "--callers", "0").refused(2, "--callers 0");
    Cli.run("bench", built, "--callers", "2", "--rate", "5").refused(2, "mutually exclusive");
    Cli.run("bench", built, "--rate", "fast").refused(2, "--rate fast");
    Cli.run("bench", built, "--rate", "-1").refused(2, "--rate -1");
    Cli.run("bench", built, "--duration", "0").refused(2, "--duration 0");
    Cli.run("bench", built, "--duration", "NaN").refused(2, "--duration NaN");
    Cli.run("bench", built, "--batch", "0").refused(2, "--batch 0");
    Cli.run("bench", built, "--batch", "9999").refused(2, "at most", "rows at once");
    Cli.run("bench", built, "--device", "gpu").refused(2, "--device gpu");
    Cli.run("bench").refused(2, "PKG");
  }
}
