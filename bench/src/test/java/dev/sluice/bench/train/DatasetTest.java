package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What every data set of the zoo keeps to. */
class DatasetTest {
  private static final int SAMPLES = 240;

  @ParameterizedTest
  @EnumSource
  void aSampleIsTheSameInAnyOrder(Lesson lesson) {
    Dataset backwards = lesson.training(5);
    LabelledRows inOrder = LabelledRows.draw(lesson.training(5), 40);
    int elements = inOrder.rowElements();
    float[] row = new float[elements];
    for (int i = 39; i >= 0; i--) {
      backwards.draw(i, row, 0);
      assertThat(row)
          .isEqualTo(Arrays.copyOfRange(inOrder.values(), i * elements, (i + 1) * elements));
      assertThat(backwards.label(i)).isEqualTo(inOrder.labels()[i]);
    }
  }

  @ParameterizedTest
  @EnumSource
  void samplesDifferAndClassesGoRound(Lesson lesson) {
    for (Dataset data : new Dataset[] {lesson.training(6), lesson.heldOut()}) {
      LabelledRows rows = LabelledRows.draw(data, SAMPLES);
      int[] perClass = new int[data.classes()];
      Set<Integer> distinct = new HashSet<>();
      for (int i = 0; i < SAMPLES; i++) {
        perClass[rows.labels()[i]]++;
        int elements = rows.rowElements();
        distinct.add(
            Arrays.hashCode(Arrays.copyOfRange(rows.values(), i * elements, (i + 1) * elements)));
      }
      // The shortest of all remarks may come twice.
      assertThat(distinct.size()).isGreaterThan(SAMPLES * 97 / 100);
      assertThat(perClass).containsOnly(SAMPLES / data.classes());
    }
  }

  @ParameterizedTest
  @EnumSource
  void seedsAndFamiliesGiveOtherSamples(Lesson lesson) {
    Dataset.Source source = lesson.plan().data();
    float[] one = LabelledRows.draw(source.of(Family.TRAINING, 1), 16).values();
    assertThat(LabelledRows.draw(source.of(Family.TRAINING, 2), 16).values()).isNotEqualTo(one);
    assertThat(LabelledRows.draw(source.of(Family.HELD_OUT, 1), 16).values()).isNotEqualTo(one);
  }
}
