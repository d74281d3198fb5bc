package dev.sluice.bench.models;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.converter.build.BuildOptions;
import dev.sluice.converter.build.BuildResult;
import dev.sluice.converter.build.ModelBuilder;
import dev.sluice.converter.graph.Rewrite;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The architectures in small through the converter: packages answer as the models do. */
class ConvertedModelsTest {
  private static final long SEED = 7;
  private static final EngineOptions CPU =
      EngineOptions.builder().device("cpu").tune(false).lanes(1).build();

  @TempDir private Path folder;

  private BuildResult build(Path file, BuildOptions options) throws IOException {
    return ModelBuilder.build(file, folder.resolve("packed.sluice"), options);
  }

  static Stream<Network> networks() {
    return TinyModels.networks().stream();
  }

  static Stream<Arguments> fixed() {
    return networks().flatMap(each -> Stream.of(Arguments.of(each, 1), Arguments.of(each, 4)));
  }

  @ParameterizedTest
  @MethodSource("networks")
  void rowsOfADynamicBatchMayShareARun(Network network) throws Exception {
    GeneratedModel model = network.model();
    Path file = model.write(folder, SEED);
    BuildResult result = build(file, BuildOptions.defaults());
    assertThat(result.manifest().batching().proven())
        .as(result.manifest().batching().reason())
        .isTrue();
    try (Engine engine = Engine.open(result.packageFile(), CPU)) {
      answersAsTheModel(engine, model, file, 1, 1);
      answersAsTheModel(engine, model, file, 3, 3);
    }
  }

  @ParameterizedTest
  @MethodSource("fixed")
  void aFixedBatchRunsUnbatched(Network network, int batch) throws Exception {
    GeneratedModel model = network.model(batch);
    Path file = model.write(folder, SEED);
    BuildResult result = build(file, BuildOptions.defaults());
    assertThat(result.manifest().batching().proven()).isFalse();
    assertThat(result.manifest().batching().reason())
        .contains("has the fixed extent " + batch + " in axis 0")
        .contains("--batch");
    try (Engine engine = Engine.open(result.packageFile(), CPU)) {
      assertThat(engine.batched()).isFalse();
      answersAsTheModel(engine, model, file, batch, 1);
    }
  }

  @ParameterizedTest
  @MethodSource("fixed")
  void aFixedBatchIsMadeDynamic(Network network, int batch) throws Exception {
    Path file = network.model(batch).write(folder, SEED);
    BuildResult result = build(file, BuildOptions.defaults().withRows(BuildOptions.range("1:4:8")));
    assertThat(result.manifest().batching().proven())
        .as(result.manifest().batching().reason())
        .isTrue();
    List<String> changes =
        result.rewrites().stream()
            .filter(report -> report.name().equals("dynamic batch"))
            .map(Rewrite.Report::changes)
            .findFirst()
            .orElseThrow();
    boolean reshapes =
        network instanceof Bert || network instanceof Lstm || network instanceof Yolo;
    assertThat(changes.size() > 1)
        .as("shapes are mended where there are any: %s", changes)
        .isEqualTo(reshapes);
    GeneratedModel dynamic = network.model();
    Path original = dynamic.write(folder, SEED);
    try (Engine engine = Engine.open(result.packageFile(), CPU)) {
      answersAsTheModel(engine, dynamic, original, 3, 3);
    }
  }

  /** Asks an engine for drawn rows, in {@code claimed} rows of its own. */
  private static void answersAsTheModel(
      Engine engine, GeneratedModel model, Path file, int rows, int claimed) throws Exception {
    Map<String, float[]> expected = ModelCheck.answers(model, file, 0, rows, SEED);
    try (Arena arena = Arena.ofConfined()) {
      for (Map.Entry<String, float[]> answer : expected.entrySet()) {
        float[] served =
            engine.call(
                claimed,
                in -> {
                  for (ModelInput input : model.inputs()) {
                    MemorySegment drawn = input.rows(arena, 0, rows, SEED);
                    in.input(input.name()).copyFrom(drawn);
                  }
                },
                out -> out.output(answer.getKey()).toArray(JAVA_FLOAT));
        assertThat(served)
            .as(answer.getKey())
            .containsExactly(answer.getValue(), within(tolerance(answer.getValue())));
      }
    }
  }

  private static float tolerance(float[] values) {
    float largest = 1;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return 1e-4f * largest;
  }

  @Test
  void aBatchIsDynamicOrHasRows() {
    assertThatThrownBy(() -> TinyModels.lstm().model(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tiny-lstm: a batch has at least 1 row or is Shape.DYNAMIC, but this one is 0");
    assertThat(TinyModels.lstm().model(4).name()).isEqualTo("tiny-lstm-batch4");
    assertThat(TinyModels.lstm().model(4).inputs().getFirst().shape()).isEqualTo(Shape.of(4, 7, 6));
  }
}
