package dev.sluice.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class NativeHandleTest {
  @Test
  void closesOnceAndSilently() {
    List<Long> released = new ArrayList<>();
    NativeHandle handle = NativeHandle.own("Thing", "first", 0xabcL, released::add);
    assertThat(handle.raw()).isEqualTo(0xabcL);
    assertThat(handle.isOpen()).isTrue();
    handle.close();
    handle.close();
    assertThat(released).containsExactly(0xabcL);
    assertThat(handle.isOpen()).isFalse();
  }

  @Test
  void namesTheHandleOnUseAfterClose() {
    NativeHandle handle = NativeHandle.own("Thing", "first", 0xabcL, raw -> {});
    handle.close();
    assertThatThrownBy(handle::raw)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("Thing@abc (first)");
  }

  @Test
  void refusesNull() {
    assertThatThrownBy(() -> NativeHandle.own("Thing", "", 0, raw -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Thing");
  }

  @Test
  void racingClosersReleaseOnce() throws InterruptedException {
    for (int round = 0; round < 200; round++) {
      AtomicInteger released = new AtomicInteger();
      NativeHandle handle = NativeHandle.own("Thing", "", 1, raw -> released.incrementAndGet());
      CountDownLatch start = new CountDownLatch(1);
      Runnable closer =
          () -> {
            try {
              start.await();
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
            handle.close();
          };
      Thread first = Thread.ofPlatform().start(closer);
      Thread second = Thread.ofPlatform().start(closer);
      start.countDown();
      first.join();
      second.join();
      assertThat(released).hasValue(1);
    }
  }

  @Test
  void closeWaitsForUsesAndRefusesNewOnes() throws InterruptedException {
    AtomicInteger released = new AtomicInteger();
    NativeHandle handle = NativeHandle.own("Thing", "used", 7, raw -> released.incrementAndGet());
    assertThat(handle.enter()).isEqualTo(7);
    assertThat(handle.enter()).isEqualTo(7);
    Thread closer = Thread.ofPlatform().start(handle::close);
    while (handle.isOpen()) {
      Thread.onSpinWait();
    }
    assertThatThrownBy(handle::enter)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("(used) was used after it was closed");
    closer.interrupt();
    handle.leave();
    closer.join(20);
    assertThat(closer.isAlive()).isTrue();
    assertThat(released).hasValue(0);
    handle.leave();
    closer.join();
    assertThat(released).hasValue(1);
  }

  /** Uses that follow one another without a gap, on several threads, don't hold a close up. */
  @Test
  void closeIsNotStarved() throws InterruptedException {
    for (int round = 0; round < 20; round++) {
      NativeHandle handle = NativeHandle.own("Thing", "", 1, raw -> {});
      List<Thread> users = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        users.add(
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    while (true) {
                      use(handle, 3);
                    }
                  } catch (IllegalStateException e) {
                    if (handle.isOpen()) {
                      throw e;
                    }
                  }
                }));
      }
      Thread closer = Thread.ofPlatform().start(handle::close);
      closer.join(60_000);
      assertThat(closer.isAlive()).isFalse();
      for (Thread user : users) {
        user.join();
      }
    }
  }

  /** Uses a handle within a use of it, and so on. */
  private static void use(NativeHandle handle, int depth) {
    handle.enter();
    try {
      if (depth > 1) {
        use(handle, depth - 1);
      }
    } finally {
      handle.leave();
    }
  }

  @Test
  void aRefusedReleaseStaysInTheLedgerAndIsTriedAgain() {
    HandleLedger.Snapshot before = HandleLedger.snapshot();
    AtomicInteger tries = new AtomicInteger();
    NativeHandle handle =
        NativeHandle.own(
            "Refused",
            "twice",
            1,
            raw -> {
              if (tries.incrementAndGet() < 3) {
                throw new NativeException("giveBack", "1", "BUSY", 5, "", "wait");
              }
            });
    handle.close();
    handle.close();
    assertThat(handle.isOpen()).isTrue();
    HandleLedger.Snapshot after = HandleLedger.snapshot();
    assertThatThrownBy(() -> HandleLeakExtension.failOnLeak("a test", before, after))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("{Refused=1}");
    handle.close();
    handle.close();
    assertThat(handle.isOpen()).isFalse();
    assertThat(tries).hasValue(3);
  }

  @Test
  void ledgerCountsByKindAndNamesTheSite() {
    HandleLedger.Snapshot before = HandleLedger.snapshot();
    assertThat(before.live()).doesNotContainKey("Counted");
    try (NativeHandle one = NativeHandle.own("Counted", "one", 1, raw -> {});
        NativeHandle two = NativeHandle.own("Counted", "two", 2, raw -> {})) {
      HandleLedger.Snapshot open = HandleLedger.snapshot();
      assertThat(open.live()).containsEntry("Counted", 2L);
      assertThat(open.sites())
          .filteredOn(site -> site.startsWith("Counted (" + (one.raw() == 1 ? "one" : "") + ")"))
          .singleElement()
          .asString()
          .contains("ledgerCountsByKindAndNamesTheSite");
      assertThatThrownBy(() -> HandleLeakExtension.failOnLeak("a test", before, open))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("{Counted=2}")
          .hasMessageContaining("Counted (two)");
      assertThat(two.isOpen()).isTrue();
    }
    assertThat(HandleLedger.snapshot().live()).doesNotContainKey("Counted");
  }

  @Test
  void memoryIsZeroedAlignedAndGoneAfterClose() {
    MemorySegment kept;
    try (NativeMemory memory = NativeMemory.allocate("block", 1000, 64)) {
      kept = memory.segment();
      assertThat(kept.byteSize()).isEqualTo(1000);
      assertThat(kept.address() % 64).isZero();
      assertThat(kept.mismatch(MemorySegment.ofArray(new byte[1000]))).isEqualTo(-1);
    }
    assertThat(kept.scope().isAlive()).isFalse();
  }

  @Test
  void emptyMemoryHasAnAddress() {
    try (NativeMemory memory = NativeMemory.allocate("nothing", 0, 64)) {
      assertThat(memory.segment().byteSize()).isZero();
      assertThat(memory.segment().address()).isNotZero();
    }
  }

  @Test
  void memoryThatCannotBeHadThrowsAndLeavesNothing() {
    assertThatThrownBy(() -> NativeMemory.allocate("too much", 1L << 46, 64))
        .isInstanceOf(OutOfMemoryError.class);
  }
}
