package dev.sluice.bench.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HexDigitsTest {
  @Test
  void familiesShareNoDrawing() {
    GlyphShapes training = GlyphShapes.of(Family.TRAINING);
    GlyphShapes heldOut = GlyphShapes.of(Family.HELD_OUT);
    for (int label = 0; label < HexDigits.CLASSES; label++) {
      assertThat(training.drawings(label)).hasSizeGreaterThanOrEqualTo(3);
      assertThat(heldOut.drawings(label)).hasSizeGreaterThanOrEqualTo(2);
      for (GlyphShapes.Drawing held : heldOut.drawings(label)) {
        assertThat(training.drawings(label)).noneMatch(drawing -> same(drawing, held));
      }
    }
  }

  @Test
  void familiesDifferInEveryMannerism() {
    Style training = Family.TRAINING.style();
    Style heldOut = Family.HELD_OUT.style();
    assertThat(training.nib().low()).isGreaterThan(heldOut.nib().high());
    assertThat(training.wave().high()).isLessThan(heldOut.wave().low());
    assertThat(training.clutter()).isNotEqualTo(heldOut.clutter());
    assertThat(training.jitter() * heldOut.jitter()).isZero();
    assertThat(training.noise().high() * heldOut.noise().high()).isZero();
    assertThat(training.wrongPixels().high() * heldOut.wrongPixels().high()).isZero();
    assertThat(training.gradient() * heldOut.gradient()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void aSampleIsTheSameInAnyOrder(Family family) {
    byte[] inOrder = LabelledImages.draw(family, 5, 40).pixels();
    HexDigits backwards = new HexDigits(family, 5);
    byte[] pixels = new byte[HexDigits.PIXELS];
    for (int i = 39; i >= 0; i--) {
      backwards.draw(i, pixels, 0);
      assertThat(pixels)
          .isEqualTo(Arrays.copyOfRange(inOrder, i * HexDigits.PIXELS, (i + 1) * HexDigits.PIXELS));
    }
  }

  @ParameterizedTest
  @EnumSource
  void imagesDifferAndUseTheRange(Family family) {
    LabelledImages images = LabelledImages.draw(family, 6, 320);
    Set<String> distinct = new HashSet<>();
    int[] perClass = new int[HexDigits.CLASSES];
    int darkest = 255;
    int lightest = 0;
    for (int i = 0; i < images.count(); i++) {
      StringBuilder text = new StringBuilder();
      for (int p = 0; p < HexDigits.PIXELS; p++) {
        int grey = images.pixels()[i * HexDigits.PIXELS + p] & 0xFF;
        text.append((char) grey);
        darkest = Math.min(darkest, grey);
        lightest = Math.max(lightest, grey);
      }
      distinct.add(text.toString());
      perClass[images.labels()[i]]++;
    }
    assertThat(distinct).hasSize(images.count());
    assertThat(perClass).containsOnly(20);
    assertThat(darkest).isZero();
    assertThat(lightest).isGreaterThan(200);
  }

  @Test
  void seedsAndFamiliesGiveOtherImages() {
    byte[] one = LabelledImages.draw(Family.TRAINING, 1, 16).pixels();
    assertThat(LabelledImages.draw(Family.TRAINING, 2, 16).pixels()).isNotEqualTo(one);
    assertThat(LabelledImages.draw(Family.HELD_OUT, 1, 16).pixels()).isNotEqualTo(one);
  }

  private static boolean same(GlyphShapes.Drawing a, GlyphShapes.Drawing b) {
    if (a.strokes().size() != b.strokes().size()) {
      return false;
    }
    for (int i = 0; i < a.strokes().size(); i++) {
      if (!Arrays.equals(a.strokes().get(i), b.strokes().get(i))) {
        return false;
      }
    }
    return true;
  }
}
