package dev.sluice.converter.precision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.OutputComparison;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossBarTest {
  private static MemorySegment floats(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return MemorySegment.ofArray(bytes.array());
  }

  /** Two of four rows rank alike; the noise is a hundredth of the signal: 20 dB. */
  private static Loss loss() {
    OutputComparison output = new OutputComparison("y");
    output.add(
        ElementType.FLOAT,
        Shape.of(4, 2),
        floats(10, 0, 10, 0, 0, 10, 0, 11),
        floats(10, 1, 10, 1, 10, 10, 11, 11));
    return new Loss(List.of(output));
  }

  @Test
  void readsBothUnits() {
    assertThat(LossBar.parse("1%")).isEqualTo(new LossBar(LossBar.Unit.PERCENT, 1));
    assertThat(LossBar.parse("0.5 %")).isEqualTo(new LossBar(LossBar.Unit.PERCENT, 0.5));
    assertThat(LossBar.parse("30dB")).isEqualTo(new LossBar(LossBar.Unit.DECIBEL, 30));
    assertThat(LossBar.parse("30dB")).hasToString("30dB");
    assertThat(LossBar.parse("0.5%")).hasToString("0.5%");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1", "dB", "-3dB", "1e3dB", "30 db", "5%%", "NaNdB"})
  void refusesWhatIsNoBar(String text) {
    assertThatThrownBy(() -> LossBar.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1%")
        .hasMessageContaining("30dB");
  }

  /** Samples of two rows with a margin of 1 each, whose scores are off by a tenth. */
  private static Loss samples(int count) {
    OutputComparison output = new OutputComparison("y");
    for (int i = 0; i < count; i++) {
      float off = i % 2 == 0 ? 0.1f : -0.12f;
      output.add(
          ElementType.FLOAT, Shape.of(2, 2), floats(2 + off, 1, 1, 2 + off), floats(2, 1, 1, 2));
    }
    return new Loss(List.of(output));
  }

  @Test
  void holdsWhatOthersAreWithinAndNothingElse() {
    Loss loss = samples(10);
    assertThat(loss.sqnrLowDb()).isLessThan(loss.sqnrDb()).isGreaterThan(loss.sqnrDb() - 2);
    assertThat(new LossBar(LossBar.Unit.DECIBEL, loss.sqnrLowDb()).holds(loss)).isTrue();
    assertThat(new LossBar(LossBar.Unit.DECIBEL, loss.sqnrLowDb() + 0.1).holds(loss)).isFalse();
    assertThat(loss.top1Agreement()).isEqualTo(1);
    double percent = 100 * loss.changedAtMost();
    assertThat(percent).isBetween(1.0, 8.0);
    assertThat(new LossBar(LossBar.Unit.PERCENT, percent).holds(loss)).isTrue();
    assertThat(new LossBar(LossBar.Unit.PERCENT, percent - 0.1).holds(loss)).isFalse();
  }

  @Test
  void fewSamplesPromiseLess() {
    assertThat(samples(4).changedAtMost()).isGreaterThan(samples(40).changedAtMost());
    assertThat(samples(4).sqnrLowDb()).isLessThan(samples(40).sqnrLowDb());
    assertThat(LossBar.parse("0dB").holds(samples(1))).isFalse();
    assertThat(LossBar.parse("20dB").figure(samples(1))).contains("unknown");
  }

  @Test
  void rowsThatChangedCountAsTheyAre() {
    Loss loss = loss();
    assertThat(loss.top1Agreement()).isEqualTo(0.5);
    assertThat(loss.changedAtMost()).isGreaterThanOrEqualTo(0.5);
    assertThat(LossBar.parse("49.9%").holds(loss)).isFalse();
  }

  /** Whole numbers have no margins: 300 that agree show 1 %, and 200 do not. */
  @Test
  void wholeNumbersAreCounted() {
    assertThat(LossBar.parse("1%").holds(new Loss(List.of(classes(300))))).isTrue();
    assertThat(LossBar.parse("1%").holds(new Loss(List.of(classes(200))))).isFalse();
    // Beside scores they are these scores' ranks.
    Loss both = new Loss(List.of(classes(200), samples(10).outputs().getFirst()));
    assertThat(both.changedAtMost()).isEqualTo(samples(10).changedAtMost());
  }

  private static OutputComparison classes(int count) {
    OutputComparison classes = new OutputComparison("class");
    for (int i = 0; i < count; i++) {
      MemorySegment one = MemorySegment.ofArray(new byte[] {7, 0, 0, 0, 0, 0, 0, 0});
      classes.add(ElementType.INT64, Shape.of(1), one, one);
    }
    return classes;
  }

  @Test
  void noNoiseIsTheMost() {
    OutputComparison same = new OutputComparison("y");
    same.add(ElementType.FLOAT, Shape.of(1, 2), floats(1, 2), floats(1, 2));
    assertThat(new Loss(List.of(same)).sqnrDb()).isEqualTo(Loss.MAX_DB);
    OutputComparison broken = new OutputComparison("z");
    broken.add(ElementType.FLOAT, Shape.of(1, 2), floats(Float.NaN, 2), floats(1, 2));
    assertThat(new Loss(List.of(same, broken)).sqnrDb()).isNegative();
    assertThat(LossBar.parse("0dB").holds(new Loss(List.of(same, broken)))).isFalse();
  }
}
