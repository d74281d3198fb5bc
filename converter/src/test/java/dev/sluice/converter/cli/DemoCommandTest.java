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
    JsonNode precisions = json.get("precisions");
    assertThat(precisions).hasSize(3);
    for (JsonNode one : precisions) {
      // Those that ranges were learnt from are left out.
      assertThat(one.get("samples").asInt()).isEqualTo(accuracy.get("samples").asInt() - 320);
      assertThat(one.get("agreement").asDouble()).isBetween(0.98, 1.0);
      assertThat(one.get("percent").asDouble())
          .isGreaterThan(precisions.get(0).get("percent").asDouble() - 1);
    }
    assertThat(precisions.get(2).get("precision").asString()).isEqualTo("int8");
    assertThat(precisions.get(2).get("loadedPerS").asDouble()).isPositive();
    assertThat(json.get("alone").get("callers").asInt()).isEqualTo(1);
    assertThat(json.get("loaded").get("callers").asInt()).isEqualTo(64);
  }

  @Test
  void printsOneTable() {
    assertThat(Cli.run("demo").done().out())
        .contains(
            "accuracy",
            "held-out",
            "1 caller",
            "64 callers",
            "latency p99",
            "mean batch",
            "fp16 tensorrt",
            "int8",
            "as fp32");
  }
}
