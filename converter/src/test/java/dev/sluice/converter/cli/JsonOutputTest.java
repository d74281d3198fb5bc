package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.TinyModel;
import dev.sluice.engine.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * What scripts rely on, of every command: with {@code --json} standard output is one object with
 * the fields that the contract names, or nothing where the command fails without a result.
 */
@Timeout(120)
class JsonOutputTest {
  /** The fields of each command's object, those inside of others behind a slash. */
  private static final Map<String, String> FIELDS =
      Map.of(
          "build",
              "package precision bytes seconds batching/proven batching/reason layers calibration",
          "run", "outputs/0/name outputs/0/type outputs/0/shape outputs/0/file device seconds",
          "verify",
              "samples outputs/y/maxAbs outputs/y/maxRel outputs/y/sqnrDb outputs/y/cosine"
                  + " outputs/y/top1Agreement ok",
          "inspect",
              "inputs/0/name inputs/0/type inputs/0/shape outputs/0/name outputs/0/type"
                  + " outputs/0/shape opset nodes parameters batching/proven batching/reason"
                  + " precision/layers plans",
          "bench",
              "device callers rows seconds throughputPerS latencyUs/p50 latencyUs/p90 latencyUs/p99"
                  + " latencyUs/p999 latencyUs/max batch/mean batch/histogram"
                  + " allocatedBytesPerInference rejected errors",
          "demo",
              "model parameters bytes buildSeconds batching/proven accuracy/percent"
                  + " alone/latencyUs/p50 loaded/latencyUs/p50",
          "doctor", "backends/cpu/ok backends/cuda/ok backends/cuda/missing backends/cuda/remedy");

  @TempDir static Path folder;
  private static Path model;
  private static Path made;

  @BeforeAll
  static void build() throws IOException {
    System.setProperty("sluice.demo.seconds", "0.2");
    model = Models.product(folder);
    made = Models.built(model);
    Models.floats(folder.resolve("x.npy"), Shape.of(2, 3), 1, 2, 3, 4, 5, 6);
    Files.createDirectory(folder.resolve("data"));
    Files.copy(folder.resolve("x.npy"), folder.resolve("data/x.npy"));
    Files.writeString(folder.resolve("text.onnx"), "no model\n");
    Path random =
        Files.write(
            folder.resolve("random.onnx"),
            new TinyModel()
                .input("x", ElementType.FLOAT, "N", 3)
                .output("y", ElementType.FLOAT, "N", 3)
                .node("RandomNormalLike", "x", "y")
                .build()
                .toArray(ValueLayout.JAVA_BYTE));
    Models.built(random);
  }

  @AfterAll
  static void restore() {
    System.clearProperty("sluice.demo.seconds");
  }

  /** The words of a command line; those that name a file or folder of this test's are replaced. */
  private static Object[] words(String line) {
    List<Object> words = new ArrayList<>();
    for (String word : line.split(" ", -1)) {
      words.add(word.replaceFirst("@", folder + "/"));
    }
    return words.toArray();
  }

  /** Runs it, and watches what goes to standard output behind the command's back. */
  private static Cli watched(Supplier<Cli> run) {
    PrintStream before = System.out;
    ByteArrayOutputStream behind = new ByteArrayOutputStream();
    System.setOut(new PrintStream(behind, true, StandardCharsets.UTF_8));
    try {
      return run.get();
    } finally {
      System.setOut(before);
      assertThat(behind.toString(StandardCharsets.UTF_8)).isEmpty();
    }
  }

  private static Cli run(String line) {
    return watched(() -> Cli.run(words(line)));
  }

  private static void checkFields(JsonNode object, String command) {
    assertThat(object.isObject()).isTrue();
    for (String field : FIELDS.get(command).split(" ", -1)) {
      assertThat(object.at("/" + field).isMissingNode()).as("%s of %s", field, object).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "build @product.onnx -o @again.sluice --json",
        "run @product.sluice --input x=@x.npy --json",
        "run --json @product.sluice --input x=@x.npy -o @out",
        "verify @product.sluice --against @product.onnx --data @data --json",
        "inspect @product.sluice --json",
        "inspect @product.onnx --json",
        "bench @product.sluice --duration 0.1 --json",
        "bench @product.sluice --duration 0.1 --rate 100 --virtual --json",
        "demo --json",
        "doctor --json"
      })
  void itIsOneObjectWithTheContractsFields(String line) {
    checkFields(run(line).done().json(), line.split(" ", -1)[0]);
  }

  @Test
  void noCommandIsLeftOut() {
    Set<String> commands = new HashSet<>(Sluice.commandLine().getSubcommands().keySet());
    assertThat(commands.remove("generate-completion")).as("prints a script").isTrue();
    assertThat(FIELDS.keySet()).isEqualTo(commands);
  }

  @Test
  void norAfterTheProgressOfAPlan(@TempDir Path cache) {
    try (SimulatedGpu gpu = new SimulatedGpu(cache)) {
      Path planned = folder.resolve("planned.sluice");
      JsonNode built =
          watched(() -> gpu.run("build", model, "-o", planned, "--device", "cuda", "--json"))
              .done()
              .json();
      checkFields(built, "build");
      assertThat(built.at("/plans/0/name").asString()).startsWith("trt-");
      JsonNode inspected =
          watched(() -> gpu.run("inspect", planned, "--layers", "--device", "cuda", "--json"))
              .done()
              .json();
      checkFields(inspected, "inspect");
      assertThat(inspected.at("/plans/0/layers").isEmpty()).isFalse();
      Cli none = watched(() -> gpu.run("bench", planned, "--device", "cuda:4", "--json"));
      checkFailure(none, 1, "there is no cuda:4");
    }
  }

  /** A failure is told on standard error, and as one object where a result would be. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          build @none.onnx --json                                           | 2 | no such file
          build @text.onnx --json                                           | 2 | this is a text
          build --json                                                      | 2 | MODEL.onnx
          build @product.onnx --batch x --json                              | 2 | no range
          run @none.sluice --input x=@x.npy --json                          | 2 | no such file
          run @product.sluice --json                                        | 2 | --input x=FILE
          run @product.sluice --input x=@none.npy --json                    | 2 | no such file
          verify @product.sluice --against @none.onnx --data @data --json   | 2 | no such file
          verify @product.sluice --against @product.onnx --data @no --json  | 2 | is not a folder
          inspect @none.onnx --json                                         | 2 | no such file
          inspect @text.onnx --json                                         | 2 | this is a text
          inspect @product.onnx --layers --json                             | 2 | --layers
          bench @none.sluice --json                                         | 2 | no such file
          bench @product.sluice --rate fast --json                          | 2 | --rate fast
          bench @product.sluice --data @no --json                           | 2 | is not a folder
          demo --nosuch --json                                              | 2 | --nosuch
          doctor --nosuch --json                                            | 2 | --nosuch
          biuld --json                                                      | 2 | biuld
          """)
  void aFailureIsOneObjectToo(String line, int status, String message) {
    checkFailure(run(line), status, message);
  }

  private static void checkFailure(Cli cli, int status, String message) {
    assertThat(cli.status()).isEqualTo(status);
    assertThat(cli.err()).startsWith("sluice: ").contains(message);
    assertThat(cli.json().get("exitStatus").asInt()).isEqualTo(status);
    assertThat(cli.json().get("error").asString()).contains(message);
  }

  @Test
  void aBarThatIsNotMetStillHasItsResult() {
    Cli below = verifyAgainstDoubled(folder.resolve("other.onnx"));
    assertThat(below.status()).isEqualTo(3);
    checkFields(below.json(), "verify");
    assertThat(below.json().get("ok").asBoolean()).isFalse();
    assertThat(below.json().get("problems").isEmpty()).isFalse();
    assertThat(below.err()).startsWith("sluice: ");
  }

  private static Cli verifyAgainstDoubled(Path other) {
    TinyModel doubled =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 3)
            .output("y", ElementType.FLOAT, "N", 2)
            .weights("w", new float[] {2, 4, 6, 8, 10, 12}, 3, 2)
            .node("MatMul", "x w", "y");
    try {
      Files.write(other, doubled.build().toArray(ValueLayout.JAVA_BYTE));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return run("verify @product.sluice --against @other.onnx --data @data --max-abs 0.1 --json");
  }

  /** No answer of this model is what it was before. */
  @Test
  void aLoadWithWrongAnswersHasOneResultToo() {
    Cli cli = run("bench @random.sluice --duration 0.1 --json");
    assertThat(cli.status()).isEqualTo(1);
    checkFields(cli.json(), "bench");
    assertThat(cli.json().get("errors").asLong()).isPositive();
    assertThat(cli.err()).contains("requests failed", "differs");
  }

  @Test
  void anOutputThatCantBeWrittenIsAFailure() {
    Writer full =
        new Writer() {
          @Override
          public void write(char[] buffer, int offset, int length) throws IOException {
            throw new IOException("No space left on device");
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    StringWriter err = new StringWriter();
    int status =
        Sluice.execute(
            new PrintWriter(full, true),
            new PrintWriter(err, true),
            "inspect",
            made.toString(),
            "--json");
    assertThat(status).isEqualTo(1);
    assertThat(err.toString()).contains("standard output");
  }

  @Test
  void whatIsNotOneObjectIsNoticed() {
    assertThatThrownBy(() -> checkFields(new Cli(0, "{\"ok\":true}", "").json(), "verify"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("samples of");
    assertThatThrownBy(() -> new Cli(0, "{}\n{}\n", "").json()).isInstanceOf(AssertionError.class);
    assertThatThrownBy(() -> new Cli(0, "", "").json()).isInstanceOf(AssertionError.class);
    assertThatThrownBy(() ->
            watched(() -> {
              System.out.println("behind");
              return null;
            }))
        .isInstanceOf(AssertionError.class);
  }
}
