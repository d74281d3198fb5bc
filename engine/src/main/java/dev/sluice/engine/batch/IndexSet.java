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
  /** Longs of two cache lines, since the next one is fetched with each. */
  private static final int APART = 16;

  private final AtomicLongArray words;

  /** Words that are used, and how far the first of each is from the next. */
  private final int count;

  private final int stride;

  /** An index's word is {@code index >> shift}. */
  private final int shift;

  IndexSet(int capacity) {
    this(capacity, 6, 1);
  }

  /**
   * A set that threads share without meeting: each begins at a word of its own, on a cache line of
   * its own.
   *
   * @param shift an index shares its word with {@code 2^shift - 1} others
   */
  static IndexSet spread(int capacity, int shift) {
    return new IndexSet(capacity, shift, APART);
  }

  private IndexSet(int capacity, int shift, int stride) {
    this.shift = shift;
    this.stride = stride;
    this.count = Math.max(1, Math.ceilDiv(capacity, 1 << shift));
    this.words = new AtomicLongArray(count * stride);
  }

  private long bit(int index) {
    return 1L << (index & ((1 << shift) - 1));
  }

  private int word(int index) {
    return (index >> shift) * stride;
  }

  /** Adds an index that is not there. */
  void add(int index) {
    long bit = bit(index);
    long before = words.getAndAccumulate(word(index), bit, (a, b) -> a | b);
    if ((before & bit) != 0) {
      throw new IllegalStateException("index " + index + " was added twice");
    }
  }

  /** Removes this index; false where it is not there. */
  boolean remove(int index) {
    long bit = bit(index);
    return (words.getAndAccumulate(word(index), bit, (a, b) -> a & ~b) & bit) != 0;
  }

  /** Takes the lowest index; -1 where the set is empty. */
  int take() {
    return takeNear(0);
  }

  /**
   * Takes the lowest index of this one's word, or of the words after it; -1 where all are empty.
   */
  int takeNear(int index) {
    int first = index >> shift;
    first = first < count ? first : first % count;
    for (int i = 0; i < count; i++) {
      int w = first + i < count ? first + i : first + i - count;
      long word = words.get(w * stride);
      while (word != 0) {
        long rest = word & (word - 1);
        if (words.compareAndSet(w * stride, word, rest)) {
          return (w << shift) + Long.numberOfTrailingZeros(word);
        }
        word = words.get(w * stride);
      }
    }
    return -1;
  }

  /** The lowest index that is at least {@code from}; -1 where there is none. */
  int next(int from) {
    for (int w = from >> shift; w < count; w++) {
      long word = words.get(w * stride);
      if (w == from >> shift) {
        word &= -1L << (from & ((1 << shift) - 1));
      }
      if (word != 0) {
        return (w << shift) + Long.numberOfTrailingZeros(word);
      }
    }
    return -1;
  }

  boolean isEmpty() {
    return next(0) < 0;
  }

  int size() {
    int size = 0;
    for (int w = 0; w < count; w++) {
      size += Long.bitCount(words.get(w * stride));
    }
    return size;
  }
}
