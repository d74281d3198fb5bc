package dev.sluice.converter.graph;

import java.util.ArrayList;
import java.util.List;

/**
 * Which of several places a batch goes to, where axes of extent 1 leave that open: the likeliest
 * ones first, and then, choice by choice from the last one back, the others.
 *
 * <p>Thread safety: used by one thread.
 */
final class BatchChoices {
  private final List<Integer> picks = new ArrayList<>();
  private final List<Integer> counts = new ArrayList<>();
  private int next;

  /** The index of the one to take out of {@code count}. */
  int pick(int count) {
    if (next == picks.size()) {
      picks.add(0);
      counts.add(count);
    }
    return picks.get(next++);
  }

  /** Starts over with the next combination; false where there is none. */
  boolean advance() {
    next = 0;
    while (!picks.isEmpty()) {
      int pick = picks.removeLast() + 1;
      int count = counts.removeLast();
      if (pick < count) {
        picks.add(pick);
        counts.add(count);
        return true;
      }
    }
    return false;
  }
}
