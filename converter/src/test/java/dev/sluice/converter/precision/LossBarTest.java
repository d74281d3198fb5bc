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

  @Test
  void holdsWhatIsWithinAndNothingElse() {
    Loss loss = loss();
    assertThat(loss.top1Agreement()).isEqualTo(0.5);
    assertThat(LossBar.parse("50%").holds(loss)).isTrue();
    assertThat(LossBar.parse("49.9%").holds(loss)).isFalse();
    double decibel = loss.sqnrDb();
    assertThat(new LossBar(LossBar.Unit.DECIBEL, decibel).holds(loss)).isTrue();
    assertThat(new LossBar(LossBar.Unit.DECIBEL, decibel + 0.1).holds(loss)).isFalse();
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
