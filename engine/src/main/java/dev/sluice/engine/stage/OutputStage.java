package dev.sluice.engine.stage;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import java.util.List;

/**
 * Scores become the few numbers that a caller wants. A row of scores is all of an output but its
 * axis 0; only one of its axes may be longer than 1.
 *
 * <p>Callers get, in place of the output NAME: with {@link Kind#TOPK} NAME{@value #VALUES_SUFFIX},
 * the {@code k} best scores, falling, and NAME{@value #INDICES_SUFFIX}, where they stand; with
 * {@link Kind#SOFTMAX_TOPK} the same with probabilities for scores; with {@link Kind#ARGMAX}
 * NAME{@value #INDEX_SUFFIX} and NAME{@value #VALUE_SUFFIX}, the best score and where it stands.
 *
 * <p>Thread safety: immutable.
 *
 * @param tensor the model's output
 * @param type of the model's output: FLOAT or FLOAT16
 * @param columns scores of a row
 * @param kind what is made of them
 * @param k how many are kept; 1 for {@link Kind#ARGMAX}
 */
public record OutputStage(String tensor, ElementType type, int columns, Kind kind, int k)
    implements Stage {
  /** Ends the name of the output with the largest scores or probabilities, FLOAT [N, k]. */
  public static final String VALUES_SUFFIX = ".values";

  /** Ends the name of the output that says where these stand, INT32 [N, k]. */
  public static final String INDICES_SUFFIX = ".indices";

  /** Ends the name of the output with the largest score, FLOAT [N]. */
  public static final String VALUE_SUFFIX = ".value";

  /** Ends the name of the output that says where it stands, INT32 [N]. */
  public static final String INDEX_SUFFIX = ".index";

  /** Most scores of a row. */
  public static final int MAX_COLUMNS = 1 << 24;

  /** What is made of a row of scores. */
  public enum Kind {
    /** The largest probabilities of the softmax over the row. */
    SOFTMAX_TOPK("softmax_topk"),
    /** The largest score. */
    ARGMAX("argmax"),
    /** The largest scores as they are, where the model makes probabilities itself, for instance. */
    TOPK("topk");

    private final String word;

    Kind(String word) {
      this.word = word;
    }

    /** The stage as the command line has it. */
    String text(String tensor, int k) {
      return tensor + "=" + word + (this == ARGMAX ? "" : ":" + k);
    }

    /** The kind that the command line calls so. */
    static Kind of(String word) {
      for (Kind kind : values()) {
        if (kind.word.equals(word)) {
          return kind;
        }
      }
      throw new IllegalArgumentException("no output stage is called '" + word + "'");
    }
  }

  /**
   * Checks all values.
   *
   * @throws IllegalArgumentException naming the value that is missing or absurd
   */
  public OutputStage {
    String who = "output stage of '" + tensor + "': ";
    require(tensor != null && !tensor.isEmpty(), "an output stage names no output");
    require(
        type == ElementType.FLOAT || type == ElementType.FLOAT16,
        who + "the type is " + type + ", not FLOAT or FLOAT16");
    require(
        columns >= 1 && columns <= MAX_COLUMNS,
        who + columns + " columns, not 1 to " + MAX_COLUMNS);
    require(kind != null, who + "kind is missing");
    int most = kind == Kind.ARGMAX ? 1 : Math.min(columns, StageWords.MAX_K);
    require(k >= 1 && k <= most, who + "k is " + k + ", not 1 to " + most);
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException(problem);
    }
  }

  @Override
  public TensorSpec model(long rows) {
    return new TensorSpec(tensor, type, Shape.of(rows, columns));
  }

  @Override
  public List<TensorSpec> served(long rows) {
    if (kind == Kind.ARGMAX) {
      return List.of(
          new TensorSpec(tensor + INDEX_SUFFIX, ElementType.INT32, Shape.of(rows)),
          new TensorSpec(tensor + VALUE_SUFFIX, ElementType.FLOAT, Shape.of(rows)));
    }
    return List.of(
        new TensorSpec(tensor + VALUES_SUFFIX, ElementType.FLOAT, Shape.of(rows, k)),
        new TensorSpec(tensor + INDICES_SUFFIX, ElementType.INT32, Shape.of(rows, k)));
  }

  /** Only what is declared can be compared: many models leave the shapes of outputs open. */
  @Override
  public void check(TensorSpec actual) {
    boolean known = actual.shape().rank() > 1;
    for (int axis = 1; axis < actual.shape().rank(); axis++) {
      known &= actual.shape().dim(axis) != Shape.DYNAMIC;
    }
    if (actual.type() != type || (known && actual.shape().elementCount(1) != columns)) {
      throw new IllegalArgumentException(
          "the stage "
              + text()
              + " was made for an output of "
              + columns
              + " numbers a row of type "
              + type
              + ", but the model has "
              + actual);
    }
  }

  @Override
  public String text() {
    return kind.text(tensor, k);
  }

  @Override
  public String toString() {
    return text();
  }
}
