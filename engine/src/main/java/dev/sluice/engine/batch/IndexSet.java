package dev.sluice.engine.batch;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A set of small indices that threads add to and take from without locks or allocation. Adding an
 * index that is there is a bug of the caller and throws.
 *
 * <p>Every operation is one compare-and-set on one word, with the memory effects of a volatile
 * write and read.
 *
 * <p>Thread safety: any thread.
 */
final class IndexSet {
  private final AtomicLongArray words;

  IndexSet(int capacity) {
    words = new AtomicLongArray(Math.max(1, Math.ceilDiv(capacity, Long.SIZE)));
  }

  /** Adds an index that is not there. */
  void add(int index) {
    long bit = 1L << index;
    long before = words.getAndAccumulate(index >> 6, bit, (a, b) -> a | b);
    if ((before & bit) != 0) {
      throw new IllegalStateException("index " + index + " was added twice");
    }
  }

  /** Removes this index; false where it is not there. */
  boolean remove(int index) {
    long bit = 1L << index;
    return (words.getAndAccumulate(index >> 6, bit, (a, b) -> a & ~b) & bit) != 0;
  }

  /** Takes the lowest index; -1 where the set is empty. */
  int take() {
    for (int w = 0; w < words.length(); w++) {
      long word = words.get(w);
      while (word != 0) {
        long rest = word & (word - 1);
        if (words.compareAndSet(w, word, rest)) {
          return (w << 6) + Long.numberOfTrailingZeros(word);
        }
        word = words.get(w);
      }
    }
    return -1;
  }

  /** The lowest index that is at least {@code from}; -1 where there is none. */
  int next(int from) {
    for (int w = from >> 6; w < words.length(); w++) {
      long word = words.get(w);
      if (w == from >> 6) {
        word &= -1L << from;
      }
      if (word != 0) {
        return (w << 6) + Long.numberOfTrailingZeros(word);
      }
    }
    return -1;
  }

  boolean isEmpty() {
    return next(0) < 0;
  }

  int size() {
    int size = 0;
    for (int w = 0; w < words.length(); w++) {
      size += Long.bitCount(words.get(w));
    }
    return size;
  }
}
