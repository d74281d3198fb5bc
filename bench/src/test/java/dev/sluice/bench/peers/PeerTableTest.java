package dev.sluice.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine;

@Timeout(180)
class PeerTableTest {
  private static final long TURN_NS = 20_000_000;

  /** Answers 1, and from the request of that number on 2. */
  private record Turning(int after) implements Peer {
    @Override
    public Caller newCaller(Row row) {
      AtomicInteger asked = new AtomicInteger();
      return new Caller() {
        @Override
        public float ask() {
          return asked.incrementAndGet() > after ? 2 : 1;
        }

        @Override
        public void close() {}
      };
    }

    @Override
    public void close() {}
  }

  @Test
  void everyPeerAnswersTheSame() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int status =
        new CommandLine(new PeerTable(new PrintStream(bytes, true, StandardCharsets.UTF_8)))
            .setCaseInsensitiveEnumValuesAllowed(true)
            .execute("--models", "a", "--rounds", "1", "--turn", "10", "--many-turn", "10");
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertThat(status).as(text).isZero();
    assertThat(text.lines()).as(text).hasSize(4 + 2 * 4);
    assertThat(text).contains("A, 1 caller    Sluice").contains("A, 64 virtual   DJL");
  }

  @Test
  void anAnswerThatChangesEndsTheMeasurement() throws Exception {
    assertThat(new PeerWorker(PeerModel.A, new Turning(Integer.MAX_VALUE)).one(TURN_NS))
        .isNotEmpty();
    assertThatThrownBy(() -> new PeerWorker(PeerModel.A, new Turning(100)).one(TURN_NS))
        .hasMessageContaining("the answer is 2.0, not 1.0");
    assertThatThrownBy(() ->
            new PeerWorker(PeerModel.A, new Turning(100))
                .many(3, TURN_NS, Thread.ofPlatform().factory()))
        .hasRootCauseMessage("the answer is 2.0, not 1.0");
  }

  @ParameterizedTest
  @EnumSource(PeerModel.class)
  void theModelsHaveTheSizesThatTheTableNames(PeerModel model) {
    long parameters =
        switch (model) {
          case A -> 1_060;
          case B -> 1_837_312;
          case C -> 25_557_032;
          case D -> 3_498_240;
        };
    assertThat(model.model().parameters()).isEqualTo(parameters);
  }

  @Test
  void theIntervalOfAPairedRatioHoldsTheMedianOfAllPairs() {
    Random random = new Random(7);
    int held = 0;
    int repetitions = 200;
    for (int i = 0; i < repetitions; i++) {
      double[] others = new double[15];
      double[] ones = new double[15];
      // What drifts hits both of a pair; the ratio is 1.2, with noise that is symmetric in its
      // logarithm.
      Arrays.setAll(others, _ -> 1 + random.nextDouble());
      Arrays.setAll(ones, j -> 1.2 * others[j] * Math.exp(0.05 * random.nextGaussian()));
      PairedRatio ratio = PairedRatio.of(ones, others);
      assertThat(ratio.median()).isCloseTo(1.2, within(0.1));
      held += ratio.low() <= 1.2 && 1.2 <= ratio.high() ? 1 : 0;
    }
    assertThat(held).isBetween(repetitions * 85 / 100, repetitions * 99 / 100);
  }

  @Test
  void aRatioWithoutNoiseHasNoWidth() {
    PairedRatio ratio = PairedRatio.of(new double[] {2, 4, 8}, new double[] {1, 2, 4});
    assertThat(ratio).isEqualTo(new PairedRatio(2, 2, 2));
    assertThat(ratio).hasToString("2.000 (2.000 to 2.000)");
    assertThat(PairedRatio.median(new double[] {4, 1, 3, 2})).isEqualTo(2.5);
  }
}
