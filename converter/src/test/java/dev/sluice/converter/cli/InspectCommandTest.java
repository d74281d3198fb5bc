package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

@Timeout(120)
class InspectCommandTest {
  @TempDir Path folder;

  private static void checkModel(JsonNode json) {
    assertThat(json.get("inputs").toString())
        .isEqualTo("[{\"name\":\"x\",\"type\":\"float\",\"shape\":[-1,3]}]");
    assertThat(json.get("outputs").toString())
        .isEqualTo("[{\"name\":\"y\",\"type\":\"float\",\"shape\":[-1,2]}]");
    assertThat(json.get("opset").asInt()).isEqualTo(21);
    assertThat(json.get("nodes").asInt()).isEqualTo(1);
    assertThat(json.get("parameters").asInt()).isEqualTo(6);
    assertThat(json.get("operators").toString()).isEqualTo("{\"MatMul\":1}");
    assertThat(json.get("plans").isEmpty()).isTrue();
  }

  @Test
  void tellsOfAModelWhatItSays() throws IOException {
    JsonNode json = Cli.run("inspect", Models.product(folder), "--json").done().json();
    checkModel(json);
    assertThat(json.get("batching").get("proven").asBoolean()).isFalse();
    assertThat(json.get("batching").get("reason").asString()).contains("not tried");
  }

  @Test
  void tellsOfAPackageTheSameAndMore() throws IOException {
    Path built = Models.built(Models.product(folder));
    JsonNode json = Cli.run("inspect", built, "--json").done().json();
    checkModel(json);
    assertThat(json.get("batching").get("proven").asBoolean()).isTrue();
    assertThat(json.get("precision").get("overall").asString()).isEqualTo("fp32");
    assertThat(json.get("hash").asString()).matches("[0-9a-f]{64}");
  }

  @Test
  void printsATableForPeople() throws IOException {
    Path model = Models.product(folder);
    assertThat(Cli.run("inspect", model).done().out())
        .contains("x  float[N,3]", "1 nodes: 1 MatMul", "not tried");
    assertThat(Cli.run("inspect", Models.built(model)).done().out())
        .contains("x  float[N,3]", "1 nodes: 1 MatMul", "yes, up to 64 rows");
  }

  @Test
  void countsOperationsForOneRowOrWhatIsGiven() throws IOException {
    Path model = Models.product(folder);
    JsonNode one = Cli.run("inspect", model, "--json").done().json();
    assertThat(one.get("weightBytes").asInt()).isEqualTo(24);
    assertThat(one.at("/flops/shapes/x").toString()).isEqualTo("[1,3]");
    assertThat(one.at("/flops/total").asInt()).isEqualTo(2 * 2 * 3);
    JsonNode given = Cli.run("inspect", model, "--shape", "x=5,3", "--json").done().json();
    assertThat(given.at("/flops/total").asInt()).isEqualTo(5 * 2 * 2 * 3);
    assertThat(given.at("/flops/perOperator").toString()).isEqualTo("{\"MatMul\":60}");
    assertThat(given.at("/flops/heaviest/0/shape").toString()).isEqualTo("[5,2]");
    JsonNode packed = Cli.run("inspect", Models.built(model), "--json").done().json();
    assertThat(packed.at("/flops/total").asInt()).isEqualTo(2 * 2 * 3);
    assertThat(packed.at("/flops/heaviest/0/parameters").asInt()).isEqualTo(6);
  }

  @Test
  void saysWhyOperationsAreNotKnown() throws IOException {
    Path model = Models.sum(folder);
    JsonNode open = Cli.run("inspect", model, "--json").done().json();
    assertThat(open.at("/flops/total").isNull()).isTrue();
    assertThat(open.at("/flops/unknown").asString())
        .isEqualTo("the extents of left [2,-1], right [2,-1] are open; give --shape");
    // Both name the extent alike.
    JsonNode given = Cli.run("inspect", model, "--shape", "left=2,7", "--json").done().json();
    assertThat(given.at("/flops/shapes/right").toString()).isEqualTo("[2,7]");
    assertThat(given.at("/flops/total").asInt()).isEqualTo(14);
  }

  @Test
  void tellsWhatWasNotCountedAndWhy() throws IOException {
    Path model = Models.choice(folder);
    String rows = Cli.run("inspect", model).done().out();
    assertThat(rows)
        .contains("counted      'pick' (If): counted is the heavier branch, then_branch")
        .contains("not counted  'pick/d' (Det): of this operator nothing is known here");
    JsonNode json = Cli.run("inspect", model, "--json").done().json();
    assertThat(json.at("/flops/total").asInt()).isEqualTo(9);
    assertThat(json.at("/flops/heaviest/0/name").asString()).isEqualTo("pick/t");
    assertThat(json.at("/flops/heaviest/0/runs").asInt()).isEqualTo(1);
    assertThat(json.at("/flops/remarks/0").asString()).startsWith("'pick' (If): ");
    assertThat(json.at("/flops/notCounted/0").asString()).startsWith("'pick/d' (Det): ");
  }

  @Test
  void refusesShapesThatDoNotFit() throws IOException {
    Path model = Models.product(folder);
    Cli.run("inspect", model, "--shape", "z=1,3").refused(2, "--shape z", "[x]");
    Cli.run("inspect", model, "--shape", "x=1,4").refused(2, "--shape x", "[1,4]");
    Cli.run("inspect", model, "--shape", "x").refused(2, "NAME=DIMS");
    Cli.run("inspect", Models.built(model), "--shape", "x=1,3").refused(2, "for a model");
  }
}
