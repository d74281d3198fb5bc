package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BFLOAT16;
import static dev.sluice.bindings.ElementType.FLOAT16;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Reals;
import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Numbers rounded to 16 bits, against exact arithmetic. */
class RealsTest {
  private static final long SEED = Long.getLong("sluice.seed", 20261126L);
  private static final int NUMBERS = 20_000 * Integer.getInteger("sluice.effort", 1);

  private static short bits(ElementType type, double number) {
    short[] bits = new short[1];
    Reals.set(type, MemorySegment.ofArray(bits), 0, number);
    return bits[0];
  }

  private static double number(ElementType type, int bits) {
    return Reals.get(type, MemorySegment.ofArray(new short[] {(short) bits}), 0);
  }

  /** Whether {@code bits} is the nearest to a number, or of two that are as near the even one. */
  private static boolean isNearest(ElementType type, double number, short bits) {
    BigDecimal exact = new BigDecimal(number);
    BigDecimal off = new BigDecimal(number(type, bits)).subtract(exact).abs();
    for (int other : new int[] {bits - 1, bits + 1}) {
      double neighbour = number(type, other);
      // A step beyond zero is the other sign's largest.
      if (!Double.isFinite(neighbour) || Math.signum(neighbour) * number < 0) {
        continue;
      }
      int further = new BigDecimal(neighbour).subtract(exact).abs().compareTo(off);
      if (further < 0 || (further == 0 && (bits & 1) != 0)) {
        return false;
      }
    }
    return true;
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void roundsOnceToNearest(ElementType type) {
    Random random = new Random(SEED);
    int least = type == FLOAT16 ? -26 : -136;
    int most = type == FLOAT16 ? 15 : 127;
    for (int i = 0; i < NUMBERS; i++) {
      double number = Math.scalb(random.nextDouble() + 0.5, random.nextInt(least, most));
      if (i % 4 == 0) {
        // Halfway between two, and next to that: what two roundings in a row get wrong.
        short low = (short) random.nextInt(1, type == FLOAT16 ? 0x7bff : 0x7f7f);
        double half = (number(type, low) + number(type, low + 1)) / 2;
        number = i % 8 == 0 ? half : Math.nextAfter(half, i % 16 == 4 ? 0 : 1e300);
      }
      number = random.nextBoolean() ? number : -number;
      assertThat(isNearest(type, number, bits(type, number)))
          .as("seed %d: %s of %a", SEED, type, number)
          .isTrue();
    }
  }

  @Test
  void theJudgeKnowsWrongRounding() {
    assertThat(isNearest(FLOAT16, 1, bits(FLOAT16, 1))).isTrue();
    assertThat(isNearest(FLOAT16, 1, (short) (bits(FLOAT16, 1) + 1))).isFalse();
    // 1 + 2^-11 is halfway between 1 and 1 + 2^-10, of which 1 is even.
    assertThat(isNearest(FLOAT16, 1 + 0x1p-11, bits(FLOAT16, 1))).isTrue();
    assertThat(isNearest(FLOAT16, 1 + 0x1p-11, (short) (bits(FLOAT16, 1) + 1))).isFalse();
  }

  @Test
  void endsOfTheRange() {
    assertThat(number(FLOAT16, bits(FLOAT16, 65519.99))).isEqualTo(65504);
    assertThat(number(FLOAT16, bits(FLOAT16, 65520))).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(number(FLOAT16, bits(FLOAT16, 0x1p-25))).isZero();
    assertThat(number(FLOAT16, bits(FLOAT16, 0x1.000001p-25))).isEqualTo(0x1p-24);
    assertThat(number(BFLOAT16, bits(BFLOAT16, 0x1.FEFFFFFp127))).isEqualTo(0x1.FEp127);
    assertThat(number(BFLOAT16, bits(BFLOAT16, -0x1.FFp127))).isEqualTo(Double.NEGATIVE_INFINITY);
    assertThat(number(BFLOAT16, bits(BFLOAT16, 1e300))).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(number(BFLOAT16, bits(BFLOAT16, 1e-300))).isZero();
    for (ElementType type : new ElementType[] {FLOAT16, BFLOAT16}) {
      assertThat(number(type, bits(type, Double.NaN))).isNaN();
      assertThat(number(type, bits(type, Double.NEGATIVE_INFINITY)))
          .isEqualTo(Double.NEGATIVE_INFINITY);
      assertThat(1 / number(type, bits(type, -0.0))).isEqualTo(Double.NEGATIVE_INFINITY);
    }
  }
}
