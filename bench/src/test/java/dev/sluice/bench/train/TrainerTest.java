package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bench.train.Architecture.Block;
import dev.sluice.bench.train.Optimiser.Method;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class TrainerTest {
  private static final Architecture SMALL =
      new Architecture(HexDigits.SIDE, 4, List.of(new Block(4, 2), new Block(8, 2)), 16);

  static List<Trainer.Plan> plans() {
    return List.of(
        plan(SMALL, HexDigits::new, Method.DESCENT, 0.05),
        plan(
            new Separable(HexDigits.SIDE, 4, List.of(new Block(6, 2), new Block(8, 2)), 16),
            HexDigits::new,
            Method.DESCENT,
            0.05),
        plan(
            new Memory(Gestures.STEPS, Gestures.FEATURES, 8, Gestures.CLASSES),
            Gestures::new,
            Method.ADAM,
            0.01),
        plan(
            new Encoder(Remarks.VOCABULARY, Remarks.TOKENS, 8, 1, 2, 16, Remarks.CLASSES),
            Remarks::new,
            Method.ADAM,
            0.01));
  }

  private static Trainer.Plan plan(
      Blueprint blueprint, Dataset.Source data, Method method, double rate) {
    return new Trainer.Plan(blueprint, data, 11, 5, 4, 3, method, rate, 1e-3);
  }

  @ParameterizedTest
  @MethodSource("plans")
  void threadsDoNotChangeOneBit(Trainer.Plan plan) throws InterruptedException {
    Weights one = new Trainer(plan).run(1, (_, _) -> {});
    Weights three = new Trainer(plan).run(3, (_, _) -> {});
    for (Map.Entry<String, float[][]> entry : one.all().entrySet()) {
      assertThat(bits(three.get(entry.getKey())))
          .as(entry.getKey())
          .isEqualTo(bits(entry.getValue()));
    }
  }

  @ParameterizedTest
  @MethodSource("plans")
  void aShortTrainingLowersTheLoss(Trainer.Plan plan) throws InterruptedException {
    int steps = 200;
    double[] losses = new double[steps];
    new Trainer(plan.withSteps(steps)).run(2, (step, loss) -> losses[step] = loss);
    double first = Arrays.stream(losses, 0, 20).average().orElseThrow();
    double last = Arrays.stream(losses, steps - 20, steps).average().orElseThrow();
    assertThat(last).isLessThan(0.97 * first);
  }

  /**
   * The first steps towards the models that ship, as they came out when these were trained. Where
   * this fails on an unchanged trainer the machine or the JDK computes otherwise; where the trainer
   * was changed, train the model again and put the new value here.
   */
  @ParameterizedTest
  @CsvSource({
    "HEX_DIGITS, c275d903671592bc184302b3a658f177a521a85c42258f269a1080644576210e",
    "SEPARABLE, 74056df89deccb302f970e44c859cc2dc23695bcf8b4bb35b41dca327481e498",
    "LSTM, 0bbee38ada335675aa4fe8dd8bef4b20de87bd94b79cb593615b86bd781ab71c",
    "ENCODER, 2f89ab50c49e2aa2f0deda372903f6456caa6ac7d090f695f96303fd90838aea"
  })
  void firstStepsOfTheShippedModelsComeOutAgain(Lesson lesson, String expected) throws Exception {
    Weights weights = new Trainer(lesson.plan().withSteps(3)).run(2, (_, _) -> {});
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    for (float[][] matrix : weights.all().values()) {
      for (float[] row : matrix) {
        ByteBuffer bytes = ByteBuffer.allocate(row.length * Float.BYTES);
        bytes.asFloatBuffer().put(row);
        digest.update(bytes);
      }
    }
    assertThat(HexFormat.of().formatHex(digest.digest())).isEqualTo(expected);
  }

  @Test
  void anotherSeedGivesOtherWeights() throws InterruptedException {
    assertThat(bits(train(11).get("stem.weight"))).isNotEqualTo(bits(train(12).get("stem.weight")));
  }

  @Test
  void learnsAHandfulOfImagesByHeart() {
    int samples = 32;
    ResidualNet net = new ResidualNet(SMALL, SMALL.initialise(3), samples, false);
    LabelledImages images = LabelledImages.draw(Family.TRAINING, 3, samples);
    int[] labels = new int[samples];
    for (int i = 0; i < samples; i++) {
      HexDigits.scale(images.pixels(), i * HexDigits.PIXELS, net.input(), i * HexDigits.PIXELS);
      labels[i] = images.labels()[i];
    }
    double first = net.learn(labels) / samples;
    Descent descent = new Descent(List.of(net.parameters()), 0);
    double last = first;
    for (int step = 0; step < 300; step++) {
      last = net.learn(labels) / samples;
      descent.step(0.05f, samples);
    }
    assertThat(first).isGreaterThan(2);
    assertThat(last).isLessThan(0.01);
  }

  private static Weights train(long seed) throws InterruptedException {
    Trainer.Plan plan =
        new Trainer.Plan(SMALL, HexDigits::new, seed, 5, 4, 3, Method.DESCENT, 0.05, 1e-3);
    return new Trainer(plan).run(2, (_, _) -> {});
  }

  private static int[][] bits(float[][] matrix) {
    return Arrays.stream(matrix)
        .map(row -> {
          int[] bits = new int[row.length];
          for (int i = 0; i < row.length; i++) {
            bits[i] = Float.floatToRawIntBits(row[i]);
          }
          return bits;
        })
        .toArray(int[][]::new);
  }
}
