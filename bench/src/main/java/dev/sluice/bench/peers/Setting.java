package dev.sluice.bench.peers;

import java.nio.file.Path;

/**
 * What all parts of the table share.
 *
 * <p>Thread safety: immutable.
 *
 * @param folder of the models
 * @param rounds that were asked for; null for each part's own
 * @param turnMs the same of the length of a turn, in milliseconds
 */
record Setting(Path folder, Integer rounds, Integer turnMs) {
  /** How many callers many are. */
  static final int CALLERS = 64;

  /** Rounds of a part. */
  int rounds(int own) {
    return rounds == null ? own : rounds;
  }

  /** Milliseconds of a turn of a part. */
  int turnMs(int own) {
    return turnMs == null ? own : turnMs;
  }
}
