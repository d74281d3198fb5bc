package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Holds the committed model, held-out data and card against the code that made them. */
class DemoModelTest {
  private static final Architecture ARCHITECTURE = Architecture.SHIPPED;

  private static byte[] model;
  private static Weights weights;
  private static LabelledImages heldOut;
  private static float[][] logits;

  @BeforeAll
  static void readTheModel() throws IOException {
    model = committed(TrainDemoModel.MODEL_FILE);
    weights = weights(model);
    heldOut =
        LabelledImages.draw(
            Family.HELD_OUT, TrainDemoModel.HELD_OUT_SEED, TrainDemoModel.HELD_OUT_SAMPLES);
    logits = Score.logits(ARCHITECTURE, weights, heldOut.rows());
  }

  @Test
  void heldOutDataComeOutAgainByteForByte() throws IOException {
    ByteArrayOutputStream npz = new ByteArrayOutputStream();
    heldOut.writeNpz(npz);
    assertThat(npz.toByteArray()).isEqualTo(committed(TrainDemoModel.HELD_OUT_FILE));
  }

  @Test
  void cardSaysWhatTheModelScores() throws IOException {
    Score score = Score.of(heldOut.rows(), logits);
    assertThat(score.samples()).isGreaterThanOrEqualTo(5000);
    assertThat(score.accuracy()).isBetween(0.90, 0.99);
    assertThat(TrainDemoModel.card(Lesson.HEX_DIGITS.plan(), weights, score))
        .isEqualTo(new String(committed(TrainDemoModel.CARD_FILE), StandardCharsets.UTF_8));
  }

  @Test
  void modelIsWhatTheExportWritesForItsWeights() {
    assertThat(Lesson.HEX_DIGITS.model(weights)).isEqualTo(model);
    assertThat(model.length).isBetween(50_000, 500_000);
  }

  @Test
  void onnxRuntimeScoresAsTheTrainerDoes() throws OrtException {
    float[][] theirs = byOnnxRuntime(heldOut);
    for (int i = 0; i < theirs.length; i++) {
      assertThat(theirs[i]).as("image " + i).containsExactly(logits[i], within(1e-3f));
    }
    assertThat(Score.of(heldOut.rows(), theirs).correct())
        .isEqualTo(Score.of(heldOut.rows(), logits).correct());
  }

  @Test
  void programWritesAllThreeFilesAndTheyFitTogether(@TempDir Path directory) throws IOException {
    CommandLine program =
        new CommandLine(new TrainDemoModel(new PrintStream(OutputStream.nullOutputStream())));
    assertThat(program.execute("--quick", "--out", directory.toString())).isZero();
    try (var files = Files.list(directory)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              TrainDemoModel.MODEL_FILE, TrainDemoModel.HELD_OUT_FILE, TrainDemoModel.CARD_FILE);
    }
    assertThat(directory.resolve(TrainDemoModel.HELD_OUT_FILE))
        .hasBinaryContent(committed(TrainDemoModel.HELD_OUT_FILE));
    Weights quick = weights(Files.readAllBytes(directory.resolve(TrainDemoModel.MODEL_FILE)));
    Score score = Score.of(heldOut.rows(), Score.logits(ARCHITECTURE, quick, heldOut.rows()));
    assertThat(directory.resolve(TrainDemoModel.CARD_FILE))
        .content()
        .contains("heldout.correct=" + score.correct() + "\n");
    // Guessing gets a sixteenth.
    assertThat(score.accuracy()).isGreaterThan(0.25);
  }

  private static byte[] committed(String name) throws IOException {
    try (InputStream stream =
        DemoModelTest.class.getResourceAsStream("/dev/sluice/converter/demo/" + name)) {
      assertThat(stream).as(name).isNotNull();
      return stream.readAllBytes();
    }
  }

  private static Weights weights(byte[] model) throws InvalidProtocolBufferException {
    Weights weights = new Weights();
    for (TensorProto tensor : ModelProto.parseFrom(model).getGraph().getInitializerList()) {
      FloatBuffer values =
          tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
      int rows = tensor.getDimsCount() == 1 ? 1 : (int) tensor.getDims(0);
      for (float[] row : weights.matrix(tensor.getName(), rows, values.remaining() / rows)) {
        values.get(row);
      }
    }
    return weights;
  }

  private static float[][] byOnnxRuntime(LabelledImages images) throws OrtException {
    float[] light = new float[images.pixels().length];
    for (int i = 0; i < images.count(); i++) {
      HexDigits.scale(images.pixels(), i * HexDigits.PIXELS, light, i * HexDigits.PIXELS);
    }
    long[] shape = {images.count(), 1, HexDigits.SIDE, HexDigits.SIDE};
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      try (OrtSession session = environment.createSession(model, options);
          OnnxTensor input = OnnxTensor.createTensor(environment, FloatBuffer.wrap(light), shape);
          OrtSession.Result result = session.run(Map.of(HexDigits.INPUT, input))) {
        return (float[][]) result.get(WeightedGraph.OUTPUT).orElseThrow().getValue();
      }
    }
  }
}
