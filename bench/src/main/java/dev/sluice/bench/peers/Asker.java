package dev.sluice.bench.peers;

/**
 * Asks again and again.
 *
 * <p>Thread safety: one thread.
 */
@FunctionalInterface
interface Asker {
  /**
   * Asks once.
   *
   * @throws IllegalStateException where the answer is another than the first was
   */
  void ask() throws Exception;
}
