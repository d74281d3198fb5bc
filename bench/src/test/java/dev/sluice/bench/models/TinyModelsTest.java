package dev.sluice.bench.models;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The architectures in small, on ONNX Runtime and through the converter. */
class TinyModelsTest {
  private static final long SEED = 7;

  @TempDir private Path folder;

  static Stream<GeneratedModel> models() {
    return TinyModels.all().stream();
  }

  @ParameterizedTest
  @MethodSource("models")
  void rowsTogetherAnswerAsEachAlone(GeneratedModel model) throws IOException {
    Path file = model.write(folder, SEED);
    Map<String, float[]> together = ModelCheck.answers(model, file, 0, 3, SEED);
    for (int row = 0; row < 3; row++) {
      Map<String, float[]> alone = ModelCheck.answers(model, file, row, 1, SEED);
      for (Map.Entry<String, float[]> answer : alone.entrySet()) {
        int elements = answer.getValue().length;
        float[] slice =
            Arrays.copyOfRange(together.get(answer.getKey()), row * elements, (row + 1) * elements);
        assertThat(slice).containsExactly(answer.getValue(), within(1e-4f));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void answersAreFiniteAndChangeWithTheInput(GeneratedModel model) throws IOException {
    assertThat(ModelCheck.check(model, model.write(folder, SEED), SEED)).isGreaterThan(0.1);
  }

  @ParameterizedTest
  @MethodSource("models")
  void theSameSeedGivesTheSameBytesAndAnotherOneOthers(GeneratedModel model) throws IOException {
    Path a = Files.createDirectory(folder.resolve("a"));
    Path b = Files.createDirectory(folder.resolve("b"));
    Path c = Files.createDirectory(folder.resolve("c"));
    model.write(a, SEED);
    model.write(b, SEED);
    model.write(c, SEED + 1);
    String weights = model.name() + ".onnx.data";
    assertThat(b.resolve(model.name() + ".onnx"))
        .hasSameBinaryContentAs(a.resolve(model.name() + ".onnx"));
    assertThat(b.resolve(weights)).hasSameBinaryContentAs(a.resolve(weights));
    assertThat(Files.mismatch(a.resolve(weights), c.resolve(weights))).isNotNegative();
    try (Stream<Path> files = Files.list(a)) {
      assertThat(files).as("nothing else is left").hasSize(2);
    }
  }

  /** Where this changes, results that were measured before belong to other weights. */
  @ParameterizedTest
  @CsvSource({
    "0, 3808074783",
    "1, 1258293039",
    "2, 3989637503",
    "3, 2396005478",
    "4, 1339010455",
    "5, 3426616206",
    "6, 686949648"
  })
  void weightsAreTheSameOnEveryMachine(int index, long checksum) throws IOException {
    Network network = TinyModels.networks().get(index);
    for (GeneratedModel model : List.of(network.model(), network.model(4))) {
      model.write(folder, SEED);
      CRC32 crc = new CRC32();
      crc.update(Files.readAllBytes(folder.resolve(model.name() + ".onnx.data")));
      assertThat(crc.getValue()).as(model.name()).isEqualTo(checksum);
    }
  }

  @Test
  void whatIsMaskedDoesNotChangeTheAnswer() throws IOException {
    int words = 7;
    Bert bert = TinyModels.bert();
    Path file = bert.model().write(folder, SEED);
    long[] ids = LongStream.range(0, bert.sequence()).toArray();
    long[] otherPadding = ids.clone();
    otherPadding[words] = 40;
    long[] otherWord = ids.clone();
    otherWord[words - 1] = 40;
    float[] answer = pooled(bert, file, ids, words);
    assertThat(pooled(bert, file, otherPadding, words)).containsExactly(answer, within(1e-6f));
    assertThat(pooled(bert, file, otherWord, words)).isNotEqualTo(answer);
    float[] unmasked = pooled(bert, file, ids, bert.sequence());
    assertThat(pooled(bert, file, otherPadding, bert.sequence())).isNotEqualTo(unmasked);
  }

  private static float[] pooled(Bert bert, Path file, long[] ids, int words) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      long[] mask = new long[ids.length];
      Arrays.fill(mask, 0, words, 1);
      List<MemorySegment> data =
          List.of(
              arena.allocateFrom(JAVA_LONG, ids),
              arena.allocateFrom(JAVA_LONG, mask),
              arena.allocateFrom(JAVA_LONG, new long[ids.length]));
      return ModelCheck.answers(bert.model(), file, 1, data).get("pooler_output");
    }
  }
}
