package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

@Timeout(120)
class BuildCommandTest {
  @TempDir Path folder;

  @Test
  void tellsWhatItMadeAsJson() throws IOException {
    Path target = folder.resolve("made.sluice");
    JsonNode json =
        Cli.run("build", Models.product(folder), "-o", target, "--batch", "1:4:8", "--json")
            .done()
            .json();
    assertThat(json.get("package").asString()).isEqualTo(target.toString());
    assertThat(json.get("precision").asString()).isEqualTo("fp32");
    assertThat(json.get("bytes").asLong()).isEqualTo(Files.size(target));
    assertThat(json.get("seconds").asDouble()).isPositive();
    assertThat(json.get("batching").get("proven").asBoolean()).isTrue();
    assertThat(json.get("batching").get("reason").asString()).isNotBlank();
    assertThat(json.get("layers").isArray()).isTrue();
    JsonNode inspected = Cli.run("inspect", target, "--json").done().json();
    assertThat(inspected.get("profile").get("rows").get("max").asInt()).isEqualTo(8);
  }

  @Test
  void putsThePackageBesideTheModelAndTellsAPerson() throws IOException {
    Path model = Models.product(folder);
    Cli cli = Cli.run("build", model).done();
    assertThat(folder.resolve("product.sluice")).isRegularFile();
    assertThat(cli.out()).contains("product.sluice", "x  float[N,3]", "batching", "yes, up to 64");
  }

  @Test
  void makesAFixedBatchDynamicAndTells() throws IOException {
    Path model = Models.oneRow(folder, "MatMul", "x w", 1, 2);
    JsonNode json = Cli.run("build", model, "--json").done().json();
    assertThat(json.get("rewrites").isEmpty()).isTrue();
    assertThat(json.get("rewriteProof").isNull()).isTrue();
    assertThat(json.get("batching").get("reason").asString()).contains("--batch MIN:OPT:MAX may");
    json = Cli.run("build", model, "--batch", "1:4:8", "--json").done().json();
    assertThat(json.get("batching").get("proven").asBoolean()).isTrue();
    JsonNode rewrite = json.get("rewrites").get(0);
    assertThat(rewrite.get("name").asString()).isEqualTo("dynamic batch");
    assertThat(rewrite.get("changes").get(0).asString()).contains("made axis 0 of [x] dynamic");
    assertThat(json.get("rewriteProof").asString()).contains("gave what the model gave");
    assertThat(Cli.run("build", model, "--batch", "1:4:8").done().out())
        .contains("rewrite", "dynamic batch: made axis 0 of [x] dynamic", "3 samples");
  }

  @Test
  void refusesABatchThatANodeFixes() throws IOException {
    Path model = Models.oneRow(folder, "Transpose", "x", 3, 1);
    Cli.run("build", model, "--batch", "1:4:8")
        .refused(2, "(Transpose) fixes the batch", "in axis 1", "without --batch");
    assertThat(folder.resolve("one.sluice")).doesNotExist();
  }

  @Test
  void leavesOutTheProofOnRequest() throws IOException {
    JsonNode json =
        Cli.run("build", Models.product(folder), "--no-batching", "--json").done().json();
    assertThat(json.get("batching").get("proven").asBoolean()).isFalse();
    assertThat(json.get("batching").get("reason").asString()).contains("switched off");
  }

  @Test
  void keepsTheShapesThatWereGiven() throws IOException {
    Path built = Models.built(Models.sum(folder), "--shape", "left=2,3:5:9");
    JsonNode shapes =
        Cli.run("inspect", built, "--json").done().json().get("profile").get("shapes");
    assertThat(shapes.get("left").get(1).get("opt").asInt()).isEqualTo(5);
    assertThat(shapes.get("left").get(1).get("max").asInt()).isEqualTo(9);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --batch 1:2             | is no range
          --batch 0:1:2           | at least 1 row
          --batch 4:2:1           | 0 <= min <= opt <= max
          --shape x               | write NAME=DIMS
          --shape x=a,3           | is no range
          --shape nosuch=1,3      | nosuch
          --shape x=1,4           | x
          --precision int4        | fp32, fp16, bf16 and int8
          --device gpu            | say auto, cpu, or cuda:N
          --batch 1 --no-batching | exclude each other
          --nosuch                | Unknown option
          extra                   | extra
          """)
  void refusesBadUsageAndWritesNothing(String options, String message) throws IOException {
    Path model = Models.product(folder);
    Map<String, String> before = Cli.files(folder);
    List<Object> arguments = new ArrayList<>(List.of("build", model));
    arguments.addAll(List.of(options.split(" ")));
    Cli.run(arguments.toArray()).refused(2, message);
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void refusesPlacesThatItCannotWriteTo() throws IOException {
    Path model = Models.identity(folder, ElementType.FLOAT, 1);
    Map<String, String> before = Cli.files(folder);
    Cli.run("build", model, "-o", folder).refused(2, folder.toString(), "is a folder");
    Path missing = folder.resolve("missing");
    Cli.run("build", model, "-o", missing.resolve("a.sluice"))
        .refused(2, missing.toString(), "no such folder");
    Cli.run("build", model, "-o", model).refused(2, "is the model itself");
    Cli.run("build", model, "-o", "/proc/a.sluice").refused(2, "/proc");
    assertThat(Cli.files(folder)).isEqualTo(before);
  }

  @Test
  void theTraceIsShownOnRequestOnly() {
    Cli cli = Cli.run("build", folder.resolve("none.onnx"), "--debug");
    assertThat(cli.err()).contains("\tat dev.sluice");
  }
}
