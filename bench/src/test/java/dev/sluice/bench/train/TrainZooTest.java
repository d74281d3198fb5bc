package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bench.zoo.ZooModel;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine;

class TrainZooTest {
  @Test
  void programWritesModelAndCardAndTheyFitTogether(@TempDir Path directory) throws IOException {
    CommandLine program = program();
    assertThat(program.execute("--model", "lstm", "--quick", "--out", directory.toString()))
        .isZero();
    try (var files = Files.list(directory)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("lstm.onnx", "lstm.properties");
    }
    Properties card = new Properties();
    try (var in = Files.newBufferedReader(directory.resolve("lstm.properties"))) {
      card.load(in);
    }
    // Guessing gets a twelfth.
    assertThat(Double.parseDouble(card.getProperty("heldout.accuracyPercent"))).isGreaterThan(20);
    assertThat(card.getProperty("model.parameters"))
        .isEqualTo(Long.toString(parameters(Files.readAllBytes(directory.resolve("lstm.onnx")))));
  }

  @Test
  void anUnknownModelIsRefusedWithTheNamesOfThoseThereAre(@TempDir Path directory) {
    StringWriter errors = new StringWriter();
    CommandLine program = program().setErr(new PrintWriter(errors));
    assertThat(program.execute("--model", "gru", "--out", directory.toString())).isEqualTo(2);
    assertThat(errors.toString()).contains("gru", "SEPARABLE", "LSTM", "ENCODER");
  }

  /** With the score that it tells, a committed card is what the program writes. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "HEX_DIGITS")
  void committedCardIsTheOneThatIsWritten(Lesson lesson) throws IOException {
    ZooModel model = ZooModel.valueOf(lesson.name());
    Properties card = model.card();
    Score score =
        new Score(
            Integer.parseInt(card.getProperty("heldout.samples")),
            Integer.parseInt(card.getProperty("heldout.correct")),
            Double.parseDouble(card.getProperty("heldout.closestScores")));
    try (var in = ZooModel.class.getResourceAsStream(lesson.file() + TrainZoo.CARD_ENDING)) {
      assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8))
          .isEqualTo(TrainZoo.card(lesson, lesson.plan(), parameters(model.onnx()), score));
    }
  }

  private static CommandLine program() {
    return TrainZoo.commandLine(new PrintStream(OutputStream.nullOutputStream()));
  }

  /** Elements of what is named as weights are, but for the half of the bias that is zero. */
  private static long parameters(byte[] onnx) throws IOException {
    long count = 0;
    for (TensorProto tensor : ModelProto.parseFrom(onnx).getGraph().getInitializerList()) {
      boolean weights = tensor.getName().matches(".*\\.(weight|bias|scale|shift)");
      long elements = tensor.getDimsList().stream().reduce(1L, Math::multiplyExact);
      count += weights ? elements / (tensor.getName().equals("lstm.bias") ? 2 : 1) : 0;
    }
    return count;
  }
}
