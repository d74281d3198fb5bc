package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;

@Timeout(180)
class DemoCommandTest {
  @BeforeEach
  void shorten() {
    System.setProperty("sluice.demo.seconds", "0.3");
  }

  @AfterEach
  void restore() {
    System.clearProperty("sluice.demo.seconds");
  }

  @Test
  void measuresTheShippedModel() {
    JsonNode json = Cli.run("demo", "--json").done().json();
    JsonNode accuracy = json.get("accuracy");
    assertThat(accuracy.get("samples").asInt()).isGreaterThanOrEqualTo(5000);
    assertThat(accuracy.get("percent").asDouble()).isBetween(90.0, 99.0);
    assertThat(json.get("batching").get("proven").asBoolean()).isTrue();
    for (String load : new String[] {"alone", "loaded"}) {
      assertThat(json.get(load).get("rows").asLong()).as(load).isPositive();
      assertThat(json.get(load).get("errors").asLong()).as(load).isZero();
    }
    assertThat(json.get("alone").get("callers").asInt()).isEqualTo(1);
    assertThat(json.get("loaded").get("callers").asInt()).isEqualTo(64);
  }

  @Test
  void printsOneTable() {
    assertThat(Cli.run("demo").done().out())
        .contains("accuracy", "held-out", "1 caller", "64 callers", "latency p99", "mean batch");
  }
}
