package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bench.train.Architecture.Block;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TrainerTest {
  private static final Architecture SMALL =
      new Architecture(HexDigits.SIDE, 4, List.of(new Block(4, 2), new Block(8, 2)), 16);

  @Test
  void threadsDoNotChangeOneBit() throws InterruptedException {
    Weights one = train(11, 1);
    Weights three = train(11, 3);
    for (Map.Entry<String, float[][]> entry : one.all().entrySet()) {
      assertThat(bits(three.get(entry.getKey())))
          .as(entry.getKey())
          .isEqualTo(bits(entry.getValue()));
    }
  }

  /**
   * The first steps towards the model that ships, as they came out when it was trained. Where this
   * fails on an unchanged trainer the machine or the JDK computes otherwise; where the trainer was
   * changed, train the model again and put the new value here.
   */
  @Test
  void firstStepsOfTheShippedModelComeOutAgain() throws Exception {
    Weights weights = new Trainer(Lesson.HEX_DIGITS.plan().withSteps(3)).run(2, (_, _) -> {});
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    for (float[][] matrix : weights.all().values()) {
      for (float[] row : matrix) {
        ByteBuffer bytes = ByteBuffer.allocate(row.length * Float.BYTES);
        bytes.asFloatBuffer().put(row);
        digest.update(bytes);
      }
    }
    assertThat(HexFormat.of().formatHex(digest.digest()))
        .isEqualTo("c275d903671592bc184302b3a658f177a521a85c42258f269a1080644576210e");
  }

  @Test
  void anotherSeedGivesOtherWeights() throws InterruptedException {
    assertThat(bits(train(11, 2).get("stem.weight")))
        .isNotEqualTo(bits(train(12, 2).get("stem.weight")));
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

  private static Weights train(long seed, int threads) throws InterruptedException {
    Trainer.Plan plan =
        new Trainer.Plan(
            SMALL, HexDigits::new, seed, 5, 4, 3, Optimiser.Method.DESCENT, 0.05, 1e-3);
    return new Trainer(plan).run(threads, (_, _) -> {});
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
