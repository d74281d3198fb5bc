package dev.sluice.engine.stage;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An output stage as the command line has it, before the model is known: {@code
 * NAME=softmax_topk:K}, {@code NAME=topk:K} or {@code NAME=argmax}.
 *
 * <p>Thread safety: immutable.
 *
 * @param tensor the model's output
 * @param kind what is made of it
 * @param k how many are kept; 1 for {@code argmax}
 */
public record OutputStageSpec(String tensor, OutputStage.Kind kind, int k) {
  private static final Pattern TEXT =
      Pattern.compile("(.+)=(?:(softmax_topk|topk):(\\d{1,5})|argmax)", Pattern.DOTALL);

  /**
   * Reads a text.
   *
   * @throws IllegalArgumentException saying what is wrong with it and how to write it
   */
  public static OutputStageSpec parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' is no output stage; write NAME=softmax_topk:K, NAME=topk:K or NAME=argmax");
    }
    if (matcher.group(2) == null) {
      return new OutputStageSpec(matcher.group(1), OutputStage.Kind.ARGMAX, 1);
    }
    int k = Integer.parseInt(matcher.group(3));
    if (k < 1 || k > StageWords.MAX_K) {
      throw new IllegalArgumentException(
          matcher.group(2)
              + ":"
              + k
              + " of '"
              + matcher.group(1)
              + "': K is 1 to "
              + StageWords.MAX_K);
    }
    return new OutputStageSpec(matcher.group(1), OutputStage.Kind.of(matcher.group(2)), k);
  }

  /**
   * The stage for a model.
   *
   * @param model name and type of the output
   * @param row the shape that a run gave, rows in axis 0
   * @throws IllegalArgumentException naming the output, its shape and what to do
   */
  public OutputStage resolve(TensorSpec model, Shape row) {
    String who = "the output " + model + " can't have the stage " + this + ": ";
    if (model.type() != ElementType.FLOAT && model.type() != ElementType.FLOAT16) {
      throw new IllegalArgumentException(
          who + "a stage reads float or float16; leave the stage out");
    }
    long columns = row.rank() < 1 ? 0 : row.elementCount(1);
    int longAxes = 0;
    for (int axis = 1; axis < row.rank(); axis++) {
      longAxes += row.dim(axis) == 1 ? 0 : 1;
    }
    if (row.rank() < 2 || longAxes > 1 || columns < 1 || columns > OutputStage.MAX_COLUMNS) {
      throw new IllegalArgumentException(
          who
              + "a run gave "
              + row
              + ", but a stage reads one list of scores for each row of axis 0, as [N,1000] or"
              + " [N,1000,1,1]");
    }
    if (k > columns) {
      throw new IllegalArgumentException(
          who + "there are " + columns + " scores in a row; ask for at most so many");
    }
    return new OutputStage(tensor, model.type(), (int) columns, kind, k);
  }

  @Override
  public String toString() {
    return kind.text(tensor, k);
  }
}
