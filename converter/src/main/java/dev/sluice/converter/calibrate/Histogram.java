package dev.sluice.converter.calibrate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Counts the elements of a tensor by their value, over any number of batches in bounded memory.
 *
 * <p>There are {@value #BINS} bins of one width on each side of zero. The first batch that has
 * something else than zeros fixes the width, so that its largest magnitude is the end of the last
 * bin; where a later one goes beyond, the width is doubled until it fits, and pairs of bins become
 * one. Counts of elements that were seen before stay exact, then, and tensors that differ by a
 * factor have the same counts.
 *
 * <p>Thread safety: used by one thread at a time.
 */
public final class Histogram {
  /** Bins on each side of zero; as many as TensorRT's and ONNX Runtime's calibrators had. */
  public static final int BINS = 2048;

  private static final int CHUNK = 8192;
  private static final int INFINITY_BITS = 0x7f800000;
  private static final int MAGNITUDE_BITS = 0x7fffffff;
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final long[] counts = new long[2 * BINS];
  private double width;
  private float min = Float.POSITIVE_INFINITY;
  private float max = Float.NEGATIVE_INFINITY;
  private long count;

  /** An empty histogram. */
  public Histogram() {}

  /**
   * Room for counting that threads do not share; one serves any number of histograms.
   *
   * <p>Thread safety: used by one thread.
   */
  public static final class Scratch {
    private final int[] chunk = new int[CHUNK];

    /** Two sets of counters: the same value twice in a row need not wait for itself. */
    private final int[] even = new int[2 * BINS];

    private final int[] odd = new int[2 * BINS];

    /** Room. */
    public Scratch() {}
  }

  /**
   * Counts elements.
   *
   * @param elements FLOAT, little endian
   * @return false where one is infinite or no number; nothing after it is counted then
   */
  public boolean add(MemorySegment elements, Scratch scratch) {
    long left = elements.byteSize() / Float.BYTES;
    for (long at = 0; left > 0; at += CHUNK, left -= CHUNK) {
      int size = (int) Math.min(CHUNK, left);
      MemorySegment.copy(elements, I32, at * Float.BYTES, scratch.chunk, 0, size);
      if (!add(scratch, size)) {
        return false;
      }
    }
    return true;
  }

  private boolean add(Scratch scratch, int size) {
    int[] chunk = scratch.chunk;
    // As whole numbers magnitudes have the same order, and the loop takes one instruction for many.
    int top = 0;
    for (int i = 0; i < size; i++) {
      top = Math.max(top, chunk[i] & MAGNITUDE_BITS);
    }
    if (top >= INFINITY_BITS) {
      return false;
    }
    count += size;
    fit(Float.intBitsToFloat(top));
    if (width == 0) {
      counts[BINS] += size;
      min = Math.min(min, 0);
      max = Math.max(max, 0);
      return true;
    }
    int highest = Integer.MIN_VALUE;
    int lowest = Integer.MAX_VALUE;
    for (int i = 0; i < size; i++) {
      int ordered = chunk[i] ^ ((chunk[i] >> 31) & MAGNITUDE_BITS);
      highest = Math.max(highest, ordered);
      lowest = Math.min(lowest, ordered);
    }
    min = Math.min(min, value(lowest));
    max = Math.max(max, value(highest));
    count(scratch, size);
    return true;
  }

  private static float value(int ordered) {
    return Float.intBitsToFloat(ordered ^ ((ordered >> 31) & MAGNITUDE_BITS));
  }

  private void count(Scratch scratch, int size) {
    int[] chunk = scratch.chunk;
    int[] even = scratch.even;
    int[] odd = scratch.odd;
    float perWidth = (float) (1 / width);
    for (int i = 0; i < size; i += 2) {
      even[bin(Float.intBitsToFloat(chunk[i]), perWidth)]++;
      if (i + 1 < size) {
        odd[bin(Float.intBitsToFloat(chunk[i + 1]), perWidth)]++;
      }
    }
    for (int i = 0; i < counts.length; i++) {
      counts[i] += even[i] + odd[i];
      even[i] = 0;
      odd[i] = 0;
    }
  }

  private static int bin(float value, float perWidth) {
    return Math.clamp((int) (value * perWidth + BINS), 0, 2 * BINS - 1);
  }

  /** Widens the bins until a magnitude has one. */
  private void fit(float magnitude) {
    if (width == 0) {
      // A denormal width has no reciprocal.
      width = magnitude == 0 ? 0 : Math.max((double) magnitude / BINS, Float.MIN_NORMAL);
    }
    while (magnitude > width * BINS) {
      for (int i = 0; i < BINS; i++) {
        boolean half = i < BINS / 2;
        counts[BINS + i] = half ? counts[BINS + 2 * i] + counts[BINS + 2 * i + 1] : 0;
        counts[BINS - 1 - i] = half ? counts[BINS - 1 - 2 * i] + counts[BINS - 2 - 2 * i] : 0;
      }
      width *= 2;
    }
  }

  /** Width of each bin; 0 while nothing but zeros was seen. */
  public double width() {
    return width;
  }

  /**
   * Elements of a bin.
   *
   * @param bin of the values from {@code bin * width} on, {@code width} wide; -{@value #BINS} to
   *     {@value #BINS} - 1
   */
  public long count(int bin) {
    return counts[BINS + bin];
  }

  /** Elements by magnitude: those of each bin and of its mirror image, {@value #BINS} in all. */
  public long[] magnitudes() {
    long[] both = new long[BINS];
    for (int i = 0; i < BINS; i++) {
      both[i] = counts[BINS + i] + counts[BINS - 1 - i];
    }
    return both;
  }

  /** Elements of all bins. */
  public long count() {
    return count;
  }

  /** The smallest element; positive infinity where there is none. */
  public double min() {
    return min;
  }

  /** The largest element; negative infinity where there is none. */
  public double max() {
    return max;
  }

  /** What was observed, zero included. */
  public Bounds observed() {
    return count == 0 ? new Bounds(0, 0) : new Bounds(Math.min(min, 0), Math.max(max, 0));
  }
}
