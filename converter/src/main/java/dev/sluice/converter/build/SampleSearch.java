package dev.sluice.converter.build;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.format.Manifest.Range;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Finds samples that a model runs on. Some models take only what no search finds: the shape of a
 * Reshape as an input, say, or ranges that exclude each other. Where all shapes are known such a
 * model is served without samples, and where they are not, other shapes may be what it needs.
 *
 * <p>Thread safety: immutable.
 *
 * @param data makes samples that the model takes
 * @param shapes one or more sets of static shapes that the model runs at, the main one first
 * @param whyNone why no sample runs; null where they do
 */
record SampleSearch(SampleData data, List<List<Shape>> shapes, String whyNone) {
  /** How many more extents are tried for a second set of shapes. */
  private static final int MORE_EXTENTS = 2;

  /**
   * Tries samples until the model runs.
   *
   * @param oneRow see {@link SampleShapes#shapes}
   * @param required whether the caller can't do without a sample
   * @throws ModelException when no sample runs, though one is required or some shapes are guesses:
   *     with what the model said to the first one
   */
  static SampleSearch run(
      OnnxModel model,
      SampleRunner runner,
      SampleShapes shapes,
      boolean oneRow,
      boolean required,
      long seed)
      throws ModelException {
    List<Long> extents = shapes.isGuessed() ? SampleShapes.TRIED : List.of(1L);
    NativeException first = null;
    for (SampleData.Integers integers : SampleData.Integers.values()) {
      SampleData data = new SampleData(model.inputs(), integers, seed);
      for (int i = 0; i < extents.size(); i++) {
        long extent = extents.get(i);
        List<Shape> main = shapes.shapes(Range::opt, extent, oneRow);
        NativeException failure = attempt(runner, data, main);
        if (failure == null) {
          Set<List<Shape>> found = new LinkedHashSet<>(List.of(main));
          if (shapes.isGiven()) {
            found.add(required(model, runner, data, shapes.shapes(Range::min, extent, oneRow)));
            found.add(required(model, runner, data, shapes.shapes(Range::max, extent, oneRow)));
          } else if (shapes.isGuessed()) {
            int end = Math.min(extents.size(), i + 1 + MORE_EXTENTS);
            for (long other : extents.subList(i + 1, end)) {
              List<Shape> more = shapes.shapes(Range::opt, other, oneRow);
              if (found.size() == 1 && attempt(runner, data, more) == null) {
                found.add(more);
              }
            }
          }
          return new SampleSearch(data, List.copyOf(found), null);
        }
        first = first == null ? failure : first;
      }
    }
    if (!required && shapes.isSettled()) {
      return new SampleSearch(
          new SampleData(model.inputs(), SampleData.Integers.ZERO_AND_ONE, seed),
          List.of(shapes.shapes(Range::opt, extents.getFirst(), oneRow)),
          "the model refuses every sample that was made up: " + first.getMessage());
    }
    throw new ModelException(
        model.file(),
        "the model does not run with inputs of "
            + SampleShapes.text(
                model.inputs(), shapes.shapes(Range::opt, extents.getFirst(), oneRow))
            + (shapes.isGuessed() ? " nor with other extents" : "")
            + ": "
            + first.failure()
            + "; give shapes that it takes: --shape NAME=DIMS",
        first);
  }

  /** The range of each dimension over all the shapes that were run. */
  List<List<Range>> ranges() {
    List<List<Range>> ranges = new ArrayList<>();
    for (int input = 0; input < shapes.getFirst().size(); input++) {
      Shape main = shapes.getFirst().get(input);
      List<Range> dims = new ArrayList<>();
      for (int axis = 0; axis < main.rank(); axis++) {
        long min = main.dim(axis);
        long max = min;
        for (List<Shape> set : shapes) {
          min = Math.min(min, set.get(input).dim(axis));
          max = Math.max(max, set.get(input).dim(axis));
        }
        dims.add(new Range(min, main.dim(axis), max));
      }
      ranges.add(dims);
    }
    return ranges;
  }

  private static List<Shape> required(
      OnnxModel model, SampleRunner runner, SampleData data, List<Shape> shapes)
      throws ModelException {
    NativeException failure = attempt(runner, data, shapes);
    if (failure != null) {
      throw new ModelException(
          model.file(),
          "the model does not run at an end of the given shapes, "
              + SampleShapes.text(model.inputs(), shapes)
              + ": "
              + failure.failure()
              + "; give a narrower range with --shape",
          failure);
    }
    return shapes;
  }

  private static NativeException attempt(SampleRunner runner, SampleData data, List<Shape> shapes) {
    try {
      var _ = runner.run(data.sample(shapes, SampleData.Kind.NORMAL, 0));
      return null;
    } catch (NativeException e) {
      return e;
    }
  }
}
