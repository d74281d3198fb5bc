package dev.sluice.engine.memory;

/**
 * The sizes that pools lease.
 *
 * <p>Layout: 256, 512 ... 2048 bytes are the first {@link #STEPS} classes; from there on each
 * doubling has {@link #STEPS} classes at equal distances: 2304, 2560 ... 4096, 4608 ... up to 2^42.
 * Every class is a multiple of 256 bytes, what CUDA aligns to at least. A lease of up to 2048 bytes
 * wastes at most 255, a larger one less than an eighth of its size.
 *
 * <p>Thread safety: stateless.
 */
final class SizeClasses {
  /** Classes of each doubling. */
  static final int STEPS = 8;

  private static final int STEPS_LOG2 = 3;
  private static final int SMALLEST_LOG2 = 8;
  private static final int LARGEST_LOG2 = 42;

  /** How many classes there are. */
  static final int COUNT = STEPS * (LARGEST_LOG2 - SMALLEST_LOG2 - STEPS_LOG2 + 1);

  /** The largest size. */
  static final long MAX_BYTES = 1L << LARGEST_LOG2;

  private SizeClasses() {}

  /**
   * The class of the least size that is enough.
   *
   * @param sizeBytes 1 to {@link #MAX_BYTES}
   */
  static int of(long sizeBytes) {
    long last = sizeBytes - 1;
    // The doubling that holds the size; all up to 2048 bytes are the first.
    int log2 = Math.max(63 - Long.numberOfLeadingZeros(last | 1), SMALLEST_LOG2 + STEPS_LOG2 - 1);
    int doubling = log2 - (SMALLEST_LOG2 + STEPS_LOG2 - 1);
    if (doubling == 0) {
      return (int) (last >>> SMALLEST_LOG2);
    }
    int step = (int) (last >>> (log2 - STEPS_LOG2)) & (STEPS - 1);
    return STEPS * doubling + step;
  }

  /** The size of a class, in bytes. */
  static long bytes(int sizeClass) {
    int doubling = sizeClass / STEPS;
    int step = sizeClass % STEPS;
    if (doubling == 0) {
      return (step + 1L) << SMALLEST_LOG2;
    }
    int log2 = doubling + SMALLEST_LOG2 + STEPS_LOG2 - 1;
    return (1L << log2) + ((step + 1L) << (log2 - STEPS_LOG2));
  }
}
