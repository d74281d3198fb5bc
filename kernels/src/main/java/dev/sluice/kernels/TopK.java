package dev.sluice.kernels;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;

/**
 * {@code softmax_topk} and {@code argmax}: of each row of scores the k largest, with where they
 * stand, as they are or as softmax probabilities over the row. Larger ones come first, among equal
 * ones the lower index; a NaN comes after every number, and is the canonical one in the result.
 *
 * <p>The kernel and the reference give the same indices and the same scores. Probabilities differ
 * by rounding: the kernel adds {@code columns} exponentials in floats, the reference in doubles, so
 * that they lie within {@link #tolerance} of each other. A row with a NaN has probabilities of NaN.
 *
 * <p>Thread safety: stateless.
 */
public final class TopK {
  /** The most that is taken of a row: the kernel passes over the row once for each. */
  public static final int MAX_K = 32;

  private TopK() {}

  /** The kernel for scores of a type: FLOAT, FLOAT16 or BFLOAT16. */
  public static Kernel kernel(ElementType type) {
    return switch (type) {
      case FLOAT -> Kernel.TOPK_F32;
      case FLOAT16 -> Kernel.TOPK_F16;
      case BFLOAT16 -> Kernel.TOPK_BF16;
      default -> throw Elements.unsupported(type);
    };
  }

  /**
   * How far, relatively, a probability of the kernel may be from the reference's: 2 units in the
   * last place for each {@code expf} (CUDA C++ Programming Guide, "Mathematical Functions"), half a
   * unit for each addition on the way of a term through a thread's sum and the two trees of a
   * block, one for the division.
   */
  public static double tolerance(int columns) {
    double additions = Math.ceil(columns / 256.0) + 10;
    return (2 + 2 + additions / 2 + 1) * Math.ulp(1f);
  }

  /**
   * Prepares a launch.
   *
   * @param scores address of rows * columns elements
   * @param values address of rows * k floats
   * @param indices address of rows * k 32-bit integers
   * @param k 1 to {@link #MAX_K}, and no more than there are columns
   */
  public static void prepare(
      KernelCall call,
      ElementType type,
      long scores,
      long values,
      long indices,
      long rows,
      int columns,
      int k,
      boolean softmax) {
    check(rows, columns, k);
    Elements.requireAligned(scores, type, "scores");
    Elements.requireAligned(values, ElementType.FLOAT, "values");
    Elements.requireAligned(indices, ElementType.INT32, "indices");
    call.start(kernel(type))
        .add(scores)
        .add(values)
        .add(indices)
        .add(rows)
        .add(columns)
        .add(k)
        .add(softmax ? 1 : 0)
        .blocks(rows);
  }

  private static void check(long rows, int columns, int k) {
    Elements.requireCount(rows, "rows");
    if (k < 1 || k > MAX_K || k > columns) {
      throw new IllegalArgumentException(
          k + " of " + columns + " columns; take 1 to " + MAX_K + ", and no more than there are");
    }
  }

  /** The same in Java. */
  public static void reference(
      ElementType type,
      MemorySegment scores,
      MemorySegment values,
      MemorySegment indices,
      long rows,
      int columns,
      int k,
      boolean softmax) {
    check(rows, columns, k);
    kernel(type);
    for (long row = 0; row < rows; row++) {
      long first = row * columns;
      int found = next(type, scores, first, columns, -1);
      float most = Elements.get(type, scores, first + found);
      double sum = 1;
      if (softmax) {
        sum = 0;
        for (int c = 0; c < columns; c++) {
          sum += Math.exp((double) (Elements.get(type, scores, first + c) - most));
        }
      }
      for (int i = 0; i < k; i++) {
        if (i > 0) {
          found = next(type, scores, first, columns, found);
        }
        float score = Elements.get(type, scores, first + found);
        float value = softmax ? (float) (Math.exp((double) (score - most)) / sum) : score;
        Elements.set(ElementType.FLOAT, values, row * k + i, value);
        indices.set(Elements.I32, 4 * (row * k + i), found);
      }
    }
  }

  /** The first column after another in the order of the class's description; -1: the very first. */
  private static int next(
      ElementType type, MemorySegment scores, long first, int columns, int last) {
    float lastScore = last < 0 ? 0 : Elements.get(type, scores, first + last);
    int best = -1;
    float bestScore = 0;
    for (int c = 0; c < columns; c++) {
      float score = Elements.get(type, scores, first + c);
      if ((last < 0 || before(lastScore, last, score, c))
          && (best < 0 || before(score, c, bestScore, best))) {
        best = c;
        bestScore = score;
      }
    }
    return best;
  }

  private static boolean before(float a, int indexA, float b, int indexB) {
    if (Float.isNaN(a) || Float.isNaN(b)) {
      return Float.isNaN(a) == Float.isNaN(b) ? indexA < indexB : Float.isNaN(b);
    }
    return a > b || (a == b && indexA < indexB);
  }
}
