package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sluice.bench.zoo.OrtScores;
import dev.sluice.bench.zoo.Samples;
import dev.sluice.bench.zoo.ZooModel;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Holds what is exported against the networks that it is exported from. */
class ExportTest {
  private static final int SAMPLES = 9;

  /** As a part of the largest score. */
  private static final double TOLERANCE = 1e-4;

  private final Random random = new Random(TestSeeds.seed());

  @ParameterizedTest
  @EnumSource
  void onnxRuntimeScoresAsTheNetworkDoes(Lesson lesson) {
    Blueprint blueprint = lesson.plan().blueprint();
    Weights weights = randomWeights(blueprint);
    LabelledRows rows = randomRows(lesson);
    float[][] ours = scores(blueprint, weights, rows);
    float[][] theirs = theirScores(lesson, weights, rows);
    double largest = largest(ours);
    for (int i = 0; i < ours.length; i++) {
      assertThat(theirs[i])
          .as("row " + i + ", " + TestSeeds.note())
          .containsExactly(ours[i], within((float) (TOLERANCE * largest)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aWrongMatrixIsSeen(Lesson lesson) {
    Blueprint blueprint = lesson.plan().blueprint();
    Weights weights = randomWeights(blueprint);
    LabelledRows rows = randomRows(lesson);
    float[][] ours = scores(blueprint, weights, rows);
    for (String name : weights.all().keySet()) {
      float[][] matrix = weights.get(name);
      float[][] before = Arrays.stream(matrix).map(float[]::clone).toArray(float[][]::new);
      disturb(matrix, 0.3f);
      float[][] changed = scores(blueprint, weights, rows);
      for (int r = 0; r < matrix.length; r++) {
        System.arraycopy(before[r], 0, matrix[r], 0, before[r].length);
      }
      double change = 0;
      for (int i = 0; i < ours.length; i++) {
        for (int k = 0; k < ours[i].length; k++) {
          change = Math.max(change, Math.abs(ours[i][k] - changed[i][k]));
        }
      }
      assertThat(change)
          .as(name + ", " + TestSeeds.note())
          .isGreaterThan(10 * TOLERANCE * largest(ours));
    }
  }

  /** What is committed differs from what the code writes by what was learnt alone. */
  @ParameterizedTest
  @EnumSource
  void committedGraphIsTheOneThatIsWritten(Lesson lesson) throws IOException {
    Weights fresh = FoldedWeights.of(lesson.plan().blueprint().initialise(1));
    ModelProto committed = ModelProto.parseFrom(ZooModel.valueOf(lesson.name()).onnx());
    ModelProto written = ModelProto.parseFrom(lesson.model(fresh));
    assertThat(withoutWeights(committed)).isEqualTo(withoutWeights(written));
  }

  private static ModelProto withoutWeights(ModelProto model) {
    ModelProto.Builder builder = model.toBuilder();
    for (TensorProto.Builder tensor : builder.getGraphBuilder().getInitializerBuilderList()) {
      tensor.clearRawData();
    }
    return builder.build();
  }

  private Weights randomWeights(Blueprint blueprint) {
    Weights weights = FoldedWeights.of(blueprint.initialise(TestSeeds.seed()));
    for (float[][] matrix : weights.all().values()) {
      disturb(matrix, 0.05f);
    }
    return weights;
  }

  private void disturb(float[][] matrix, float deviation) {
    for (float[] row : matrix) {
      for (int i = 0; i < row.length; i++) {
        row[i] += deviation * (float) random.nextGaussian();
      }
    }
  }

  /** Random values; where they are tokens, those of the data, but for their order. */
  private LabelledRows randomRows(Lesson lesson) {
    LabelledRows rows = LabelledRows.draw(lesson.training(TestSeeds.seed()), SAMPLES);
    float[] values = rows.values();
    switch (lesson.heldOut().type()) {
      case FLOAT -> TestSeeds.fill(random, values);
      default -> {
        for (int i = values.length - 1; i > 0; i--) {
          int other = random.nextInt(i + 1);
          float value = values[i];
          values[i] = values[other];
          values[other] = value;
        }
      }
    }
    return rows;
  }

  private static float[][] scores(Blueprint blueprint, Weights weights, LabelledRows rows) {
    Net net = blueprint.net(weights, SAMPLES, true);
    System.arraycopy(rows.values(), 0, net.input(), 0, rows.values().length);
    return net.forward();
  }

  private static float[][] theirScores(Lesson lesson, Weights weights, LabelledRows rows) {
    Dataset data = lesson.heldOut();
    try (Arena arena = Arena.ofConfined()) {
      float[] values = rows.values();
      MemorySegment memory =
          switch (data.type()) {
            case FLOAT -> arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
            default -> {
              long[] numbers = new long[values.length];
              Arrays.setAll(numbers, i -> (long) values[i]);
              yield arena.allocateFrom(ValueLayout.JAVA_LONG, numbers);
            }
          };
      Samples samples =
          new Samples(data.input(), data.type(), data.rowShape(), memory, rows.labels());
      return OrtScores.of(lesson.model(weights), samples);
    }
  }

  private static double largest(float[][] scores) {
    double largest = 0;
    for (float[] row : scores) {
      for (float score : row) {
        largest = Math.max(largest, Math.abs(score));
      }
    }
    return largest;
  }
}
