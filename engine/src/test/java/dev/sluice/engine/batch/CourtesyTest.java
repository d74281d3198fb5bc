package dev.sluice.engine.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CourtesyTest {
  private final AtomicLong nowNs = new AtomicLong();
  private final AtomicInteger looks = new AtomicInteger();
  private final Courtesy courtesy = new Courtesy();
  private long passesNs;

  private long clock() {
    looks.incrementAndGet();
    return nowNs.getAndAdd(passesNs);
  }

  /** How many times it does not try before it tries again. */
  private int skipped() {
    int skipped = 0;
    looks.set(0);
    courtesy.yields(this::clock);
    while (looks.get() == 0) {
      skipped++;
      courtesy.yields(this::clock);
    }
    return skipped;
  }

  @Test
  void whereStrangersKeepTheCoreItIsTriedMoreAndMoreSeldom() {
    passesNs = 4_000_000;
    List<Integer> skipped = new ArrayList<>();
    for (int i = 0; i < 13; i++) {
      skipped.add(skipped());
    }
    assertThat(skipped).containsExactly(0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024);
  }

  @Test
  void oneShortTimeIsEnoughToTrustAgain() {
    passesNs = 4_000_000;
    for (int i = 0; i < 5; i++) {
      assertThat(courtesy.yields(this::clock)).isFalse();
      skipped();
    }
    passesNs = 10_000;
    skipped();
    for (int i = 0; i < 100; i++) {
      assertThat(courtesy.yields(this::clock)).isTrue();
    }
    passesNs = 4_000_000;
    assertThat(courtesy.yields(this::clock)).isFalse();
    assertThat(skipped()).isEqualTo(1);
  }

  @Test
  void virtualThreadsTakeTurnsWhateverThatTakes() throws Exception {
    passesNs = 4_000_000;
    AtomicBoolean always = new AtomicBoolean(true);
    Thread.ofVirtual()
        .start(() -> {
          for (int i = 0; i < 100; i++) {
            always.compareAndSet(true, courtesy.yields(this::clock));
          }
        })
        .join();
    assertThat(always).isTrue();
    assertThat(looks).hasValue(0);
  }
}
