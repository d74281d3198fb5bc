package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GesturesTest {
  @ParameterizedTest
  @EnumSource
  void figuresFillTheirBox(Figure figure) {
    double[] line = figure.line(0.3);
    double widest = 0;
    for (double value : line) {
      assertThat(Math.abs(value)).isLessThan(1.2);
      widest = Math.max(widest, Math.abs(value));
    }
    assertThat(widest).isGreaterThan(0.75);
  }

  @Test
  void closedFiguresEndWhereTheyBegin() {
    Set<Figure> closed = EnumSet.range(Figure.CIRCLE_LEFT, Figure.EIGHT);
    for (Figure figure : Figure.values()) {
      double[] line = figure.line(0.3);
      double gap = Math.hypot(line[0] - line[line.length - 2], line[1] - line[line.length - 1]);
      if (closed.contains(figure)) {
        assertThat(gap).as(figure.name()).isCloseTo(0, within(1e-9));
      } else {
        assertThat(gap).as(figure.name()).isGreaterThan(0.5);
      }
    }
  }

  /** The training family loses steps and pauses first, the held-out family repeats and rests. */
  @ParameterizedTest
  @EnumSource
  void familiesFailInTheirOwnWay(Family family) {
    int lost = 0;
    int repeated = 0;
    LabelledRows rows = LabelledRows.draw(new Gestures(family, 3), 240);
    float[] values = rows.values();
    for (int i = Gestures.FEATURES; i < values.length; i += Gestures.FEATURES) {
      boolean sameRight = values[i] == values[i - Gestures.FEATURES];
      boolean sameDown = values[i + 1] == values[i + 1 - Gestures.FEATURES];
      lost += values[i] == 0 && values[i + 1] == 0 ? 1 : 0;
      repeated += sameRight && sameDown && values[i] != 0 ? 1 : 0;
    }
    boolean training = family == Family.TRAINING;
    assertThat(lost).matches(count -> training == (count > 100), "lost only in training");
    assertThat(repeated).matches(count -> training == (count < 100), "repeated only when held out");
  }
}
