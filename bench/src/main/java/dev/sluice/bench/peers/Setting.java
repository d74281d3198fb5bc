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

  private static final int ROUNDS_ALONE = 64;
  private static final int TURN_ALONE_MS = 60;
  private static final int LONG_ROUNDS_ALONE = 28;
  private static final int LONG_TURN_ALONE_MS = 250;

  /**
   * A lone caller's turn. It is short, and there are many, where requests are short: a core of a
   * shared machine may be slower for some tenths of a second, by a half where a neighbour has its
   * other thread, and then is for both turns of a round.
   *
   * @param threads {@code platform} or {@code virtual}
   */
  String turnAlone(PeerModel model, String threads) {
    int ownMs = model == PeerModel.C ? LONG_TURN_ALONE_MS : TURN_ALONE_MS;
    return "one " + turnMs(ownMs) + " " + threads;
  }

  /** How many such turns. */
  int roundsAlone(PeerModel model) {
    return rounds(model == PeerModel.C ? LONG_ROUNDS_ALONE : ROUNDS_ALONE);
  }

  /** Rounds of a part. */
  int rounds(int own) {
    return rounds == null ? own : rounds;
  }

  /** Milliseconds of a turn of a part. */
  int turnMs(int own) {
    return turnMs == null ? own : turnMs;
  }
}
