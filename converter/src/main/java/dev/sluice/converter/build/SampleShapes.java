package dev.sluice.converter.build;

import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest.Range;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;

/**
 * Makes declared shapes concrete for trial runs. Dynamic dimensions have the extent that the
 * options give; else 1 for axis 0 and for every dimension that has the symbol of some axis 0; else
 * one of {@link #TRIED}, the same for all.
 *
 * <p>Thread safety: immutable.
 */
final class SampleShapes {
  /**
   * Extents to try: sequence lengths first, then what audio and image models insist on (512 and 576
   * samples, 224 pixels).
   */
  static final List<Long> TRIED =
      List.of(16L, 64L, 128L, 256L, 512L, 576L, 224L, 1024L, 32L, 1L, 2048L, 16_000L);

  private final List<OnnxModel.Value> inputs;
  private final Map<String, List<Range>> given;
  private final Set<String> batchSymbols = new HashSet<>();

  /**
   * Checks that the ranges fit the model.
   *
   * @param file for messages
   * @param inputs as declared
   * @param given ranges by input name
   * @throws ModelException when they do not, or an input has no rank, declared or given
   */
  SampleShapes(Path file, List<OnnxModel.Value> inputs, Map<String, List<Range>> given)
      throws ModelException {
    this.inputs = inputs;
    this.given = given;
    Set<String> unknown = new HashSet<>(given.keySet());
    for (OnnxModel.Value input : inputs) {
      unknown.remove(input.name());
      List<Range> ranges = given.get(input.name());
      if (!input.isRanked()) {
        throw new ModelException(
            file,
            "the input '" + input.name() + "' has no declared shape; give one: --shape NAME=DIMS");
      }
      if (ranges != null && !fits(input, ranges)) {
        throw new ModelException(
            file,
            "the shape "
                + text(ranges)
                + " that is given for the input '"
                + input.name()
                + "' does not fit "
                + input.shape()
                + ", which it declares, -1 for any extent; give one that does with --shape");
      }
      if (!input.dims().isEmpty()) {
        batchSymbols.add(input.dims().getFirst().symbol());
      }
    }
    batchSymbols.remove("");
    if (!unknown.isEmpty()) {
      throw new ModelException(
          file,
          "a shape is given for "
              + unknown
              + ", but the inputs are "
              + inputs.stream().map(OnnxModel.Value::name).toList()
              + "; name one of them with --shape");
    }
  }

  /** Ranges as {@code --shape} takes them. */
  private static String text(List<Range> ranges) {
    return String.join(
        ",",
        ranges.stream()
            .map(range ->
                range.min() == range.max()
                    ? "" + range.min()
                    : range.min() + ":" + range.opt() + ":" + range.max())
            .toList());
  }

  /** A shape for each input, for messages: {@code a [1,3], b [1]}. */
  static String text(List<OnnxModel.Value> inputs, List<Shape> shapes) {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < shapes.size(); i++) {
      words.add(inputs.get(i).name() + " " + shapes.get(i));
    }
    return String.join(", ", words);
  }

  private static boolean fits(OnnxModel.Value input, List<Range> ranges) {
    boolean fits = input.dims().size() == ranges.size();
    for (int axis = 0; fits && axis < ranges.size(); axis++) {
      long extent = input.dims().get(axis).extent();
      Range range = ranges.get(axis);
      fits = extent == Shape.DYNAMIC || (range.min() == extent && range.max() == extent);
    }
    return fits;
  }

  /** Whether an extent out of {@link #TRIED} matters. */
  boolean isGuessed() {
    return !shapes(Range::opt, 3, false).equals(shapes(Range::opt, 5, false));
  }

  /** Whether the model and the options leave no dimension open, so that only values are guessed. */
  boolean isSettled() {
    return inputs.stream()
        .allMatch(input -> given.containsKey(input.name()) || input.shape().isStatic());
  }

  /** Whether the options give anything. */
  boolean isGiven() {
    return !given.isEmpty();
  }

  /**
   * One static shape per input.
   *
   * @param point of the given ranges
   * @param extent of dimensions that nobody gave
   * @param oneRow whether axis 0 is 1 wherever it is dynamic, whatever was given
   */
  List<Shape> shapes(ToLongFunction<Range> point, long extent, boolean oneRow) {
    List<Shape> shapes = new ArrayList<>();
    for (OnnxModel.Value input : inputs) {
      List<Range> ranges = given.get(input.name());
      long[] dims = new long[input.dims().size()];
      for (int axis = 0; axis < dims.length; axis++) {
        OnnxModel.Dim dim = input.dims().get(axis);
        boolean batch = axis == 0 || batchSymbols.contains(dim.symbol());
        if (dim.extent() != Shape.DYNAMIC) {
          dims[axis] = dim.extent();
        } else if (oneRow && axis == 0) {
          dims[axis] = 1;
        } else if (ranges != null) {
          dims[axis] = point.applyAsLong(ranges.get(axis));
        } else {
          dims[axis] = batch ? 1 : extent;
        }
      }
      shapes.add(Shape.of(dims));
    }
    return shapes;
  }

  /** Why the declaration alone rules out that axis 0 is the batch, or null where it does not. */
  String whyNotBatch() {
    if (inputs.isEmpty()) {
      return "the model has no inputs";
    }
    for (OnnxModel.Value input : inputs) {
      String who = "input '" + input.name() + "' ";
      if (input.dims().isEmpty()) {
        return who + "is a scalar, so it has no batch axis";
      }
      long extent = input.dims().getFirst().extent();
      if (extent != Shape.DYNAMIC) {
        return who + "has the fixed extent " + extent + " in axis 0";
      }
      for (int axis = 1; axis < input.dims().size(); axis++) {
        if (batchSymbols.contains(input.dims().get(axis).symbol())) {
          return who + "has the batch in axis " + axis + ", too";
        }
      }
    }
    return null;
  }
}
