package dev.sluice.bench.peers;

import java.util.concurrent.Semaphore;

/**
 * A caller whose answers are compared with its first.
 *
 * <p>Thread safety: one thread at a time.
 */
final class CheckedCaller implements Asker, AutoCloseable {
  /** Answers of FP32 that differ by the order of additions. */
  private static final float TOLERANCE = 1e-3f;

  private final Peer.Caller caller;
  private final float expected;

  /** Asks for the first answer. */
  CheckedCaller(Peer.Caller caller) throws Exception {
    this.caller = caller;
    this.expected = caller.ask();
  }

  /** The first number of the first answer. */
  float expected() {
    return expected;
  }

  /** Whether two answers are the same but for the order of additions. */
  static boolean same(float answer, float expected) {
    return Math.abs(answer - expected) <= TOLERANCE * Math.max(1, Math.abs(expected));
  }

  @Override
  public void ask() throws Exception {
    float answer = caller.ask();
    if (!same(answer, expected)) {
      throw new IllegalStateException("the answer is " + answer + ", not " + expected);
    }
  }

  /** This caller, which takes a permit for each request; null for none. */
  Asker behind(Semaphore permits) {
    if (permits == null) {
      return this;
    }
    return () -> {
      permits.acquire();
      try {
        ask();
      } finally {
        permits.release();
      }
    };
  }

  @Override
  public void close() {
    caller.close();
  }
}
