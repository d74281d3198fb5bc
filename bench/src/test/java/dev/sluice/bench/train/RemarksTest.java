package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RemarksTest {
  @ParameterizedTest
  @EnumSource
  void samplesBeginWithAQuestionAndUseAllWords(Family family) {
    Set<Integer> questions = new HashSet<>();
    Set<Integer> words = new HashSet<>();
    float[] tokens = new float[Remarks.TOKENS];
    Remarks remarks = new Remarks(family, 4);
    for (int i = 0; i < 1200; i++) {
      remarks.draw(i, tokens, 0);
      questions.add((int) tokens[0]);
      for (int t = 1; t < tokens.length; t++) {
        words.add((int) tokens[t]);
      }
    }
    assertThat(questions).doesNotContain(0).allMatch(word -> !words.contains(word));
    assertThat(words).hasSize(Remarks.VOCABULARY - questions.size());
    assertThat(words).allMatch(word -> word >= 0 && word < Remarks.VOCABULARY);
  }

  @Test
  void rowsAreOfManyLengths() {
    Set<Integer> lengths = new HashSet<>();
    float[] tokens = new float[Remarks.TOKENS];
    Remarks remarks = new Remarks(Family.TRAINING, 4);
    for (int i = 0; i < 300; i++) {
      remarks.draw(i, tokens, 0);
      int length = tokens.length;
      while (tokens[length - 1] == 0) {
        length--;
      }
      lengths.add(length);
    }
    assertThat(lengths).hasSizeGreaterThan(10);
  }
}
