package dev.sluice.engine.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.Manifest.Range;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PlanProfileTest {
  @Test
  void aNarrowRangeIsOnePiece() {
    assertThat(PlanProfile.splitRows(new Range(1, 4, 8))).containsExactly(new Range(1, 4, 8));
    assertThat(PlanProfile.splitRows(new Range(1, 1, 1))).containsExactly(new Range(1, 1, 1));
  }

  @Test
  void aWideRangeIsSplitAndTunedForItsEnds() {
    assertThat(PlanProfile.splitRows(new Range(1, 8, 32)))
        .containsExactly(new Range(1, 1, 5), new Range(6, 8, 32));
    assertThat(PlanProfile.splitRows(new Range(1, 1, 64)))
        .containsExactly(new Range(1, 1, 8), new Range(9, 64, 64));
    assertThat(PlanProfile.splitRows(new Range(1, 9, 9)))
        .containsExactly(new Range(1, 1, 3), new Range(4, 9, 9));
  }

  @Test
  void piecesCoverEveryRangeWithoutGaps() {
    long seed = Long.getLong("sluice.seed", 20_261_126);
    Random random = new Random(seed);
    for (int i = 0; i < 2000; i++) {
      long min = random.nextLong(1, 50);
      long max = min + random.nextLong(5000);
      Range whole = new Range(min, random.nextLong(min, max + 1), max);
      List<Range> pieces = PlanProfile.splitRows(whole);
      String seen = "seed " + seed + ", " + whole + " gave " + pieces;
      long next = min;
      for (Range piece : pieces) {
        assertThat(piece.min()).as(seen).isEqualTo(next);
        assertThat(piece.max()).as(seen).isLessThanOrEqualTo(PlanProfile.WIDEST_ROWS * piece.min());
        next = piece.max() + 1;
      }
      assertThat(next - 1).as(seen).isEqualTo(max);
      assertThat(pieces.stream().map(Range::opt)).as(seen).contains(whole.opt());
    }
  }

  @Test
  void profilesComeFromTheSignatureAndTheManifest() {
    TensorSpec ids =
        new TensorSpec("ids", ElementType.INT64, Shape.of(Shape.DYNAMIC, Shape.DYNAMIC));
    TensorSpec scale = new TensorSpec("scale", ElementType.FLOAT, Shape.of(1));
    Manifest.Profile profile =
        new Manifest.Profile(
            new Range(1, 4, 4), Map.of("ids", List.of(new Range(1, 4, 4), new Range(8, 128, 512))));
    List<PlanProfile> profiles = PlanProfile.of(List.of(ids, scale), profile);
    assertThat(profiles).hasSize(1);
    ShapeRange range = profiles.getFirst().inputs().get("ids");
    assertThat(range)
        .isEqualTo(new ShapeRange(List.of(1L, 8L), List.of(4L, 128L), List.of(4L, 512L)));
    assertThat(range.contains(2, 512)).isTrue();
    assertThat(range.contains(2, 513)).isFalse();
    assertThat(range.contains(2)).isFalse();
    assertThat(profiles.getFirst().inputs()).containsOnlyKeys("ids");
    assertThat(PlanProfile.of(List.of(scale), profile)).isEmpty();
    assertThatThrownBy(
            () -> PlanProfile.of(List.of(ids), new Manifest.Profile(new Range(1, 1, 8), Map.of())))
        .hasMessageContaining("no range for dimension 1 of ids");
  }

  @Test
  void whatIsOutOfOrderIsRefused() {
    assertThatThrownBy(() -> PlanTests.rows("x", 4, 2, 8)).hasMessageContaining("[4, 3]:[2, 3]");
    assertThatThrownBy(() -> new ShapeRange(List.of(1L), List.of(1L, 1L), List.of(1L)))
        .isInstanceOf(IllegalArgumentException.class);
    for (int level : new int[] {-1, 6}) {
      assertThatThrownBy(
              () -> new PlanOptions(0, level, HardwareCompatibilityLevel.NONE, false, true))
          .hasMessageContaining("0 to 5");
    }
    assertThatThrownBy(() -> new PlanOptions(-1, 3, HardwareCompatibilityLevel.NONE, false, true))
        .hasMessageContaining("-1");
  }
}
