package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Shows on samples that n rows together give what n single runs give. The rows differ, and among
 * them are all zeros (where the shape of an output depends on the data, it shows), a very small one
 * and two a thousand times larger than the rest: a quantization that takes its range from the whole
 * batch gives the small one's result away. The large ones are neighbours only; see {@link
 * SampleData.Kind#EXTREME}.
 *
 * <p>Some models blow rounding up: a variance taken as E[x^2] - E[x]^2 cancels, say, and since
 * other kernels run for n rows than for one, a row's result differs by more than the tolerance
 * though it knows nothing of its neighbours. Such a row is run once more among copies of itself. No
 * neighbour can change that run, so the batch must agree with it within the tolerance; and it with
 * the single run within {@value #ROUNDING_LIMIT}, where a sum over the batch, say, shows as a
 * multiple.
 *
 * <p>Thread safety: used by one thread.
 */
final class BatchProof {
  /** The rows of the largest trial; smaller trials take some of them. */
  private static final List<SampleData.Kind> ROWS =
      List.of(
          SampleData.Kind.NORMAL,
          SampleData.Kind.EXTREME,
          SampleData.Kind.ZEROS,
          SampleData.Kind.SMALL,
          SampleData.Kind.UNIT,
          SampleData.Kind.ONES,
          SampleData.Kind.NORMAL,
          SampleData.Kind.EXTREME);

  /** Which rows run together: 2, 3 and 8, and rows that are alike in size. */
  private static final int[][] TRIALS = {{0, 6}, {0, 1}, {3, 2, 4}, {0, 1, 2, 3, 4, 5, 6, 7}};

  /** Most that rounding alone may change, as a part of the largest magnitude. */
  static final double ROUNDING_LIMIT = 0.05;

  private final OnnxModel model;
  private final SampleRunner runner;
  private final SampleSearch samples;
  private final double tolerance;
  private double largestDifference;
  private double largestRounding;

  BatchProof(OnnxModel model, SampleRunner runner, SampleSearch samples, double tolerance) {
    this.model = model;
    this.runner = runner;
    this.samples = samples;
    this.tolerance = tolerance;
  }

  /**
   * The outcome.
   *
   * @param proven whether rows may share a run
   * @param reason how it was shown, or what spoke against it
   */
  record Verdict(boolean proven, String reason) {}

  /** Runs the trials at every set of shapes that was found. */
  Verdict run() {
    for (OnnxModel.Value input : model.inputs()) {
      if (input.type() == ElementType.STRING || input.type().bits() % 8 != 0) {
        return new Verdict(
            false,
            "input '"
                + input.name()
                + "' is of type "
                + input.type().name().toLowerCase(Locale.ROOT)
                + ", whose rows are not put together");
      }
    }
    for (List<Shape> shapes : samples.shapes()) {
      String problem = prove(shapes);
      if (problem != null) {
        return new Verdict(false, problem);
      }
    }
    String reason =
        String.format(
            Locale.ROOT,
            "2, 3 and 8 rows together gave what each gave alone, at %s; largest difference %.1e of"
                + " the largest magnitude, %.0e allowed",
            String.join(
                " and ",
                samples.shapes().stream()
                    .map(shapes -> SampleShapes.text(model.inputs(), shapes))
                    .toList()),
            largestDifference,
            tolerance);
    if (largestRounding > 0) {
      reason +=
          String.format(
              Locale.ROOT,
              "; the model blows up rounding: some results differ by %.1e between one row and"
                  + " several, whatever the other rows are",
              largestRounding);
    }
    return new Verdict(true, reason);
  }

  /** Returns what speaks against batching, or null. */
  private String prove(List<Shape> shapes) {
    List<List<SampleTensor>> inputs = new ArrayList<>();
    List<List<SampleTensor>> single = new ArrayList<>();
    for (int row = 0; row < ROWS.size(); row++) {
      List<SampleTensor> input = samples.data().sample(shapes, ROWS.get(row), row);
      inputs.add(input);
      try {
        single.add(runner.run(input));
      } catch (NativeException e) {
        return "a single row of "
            + ROWS.get(row)
            + " does not run with inputs of "
            + SampleShapes.text(model.inputs(), shapes)
            + ": "
            + e.getMessage();
      }
    }
    String problem = checkSingle(single);
    for (int trial = 0; problem == null && trial < TRIALS.length; trial++) {
      problem = prove(TRIALS[trial], inputs, single);
    }
    return problem;
  }

  private String checkSingle(List<List<SampleTensor>> single) {
    for (int i = 0; i < model.outputs().size(); i++) {
      String who = "output '" + model.outputs().get(i).name() + "' ";
      Shape shape = single.getFirst().get(i).shape();
      for (List<SampleTensor> outputs : single) {
        if (!outputs.get(i).shape().equals(shape)) {
          return who
              + "has a shape that depends on the data: "
              + shape
              + " and "
              + outputs.get(i).shape();
        }
      }
      if (single.getFirst().get(i).type() == ElementType.STRING) {
        return who + "is of type string, whose rows are not put together";
      }
      if (!RowComparison.hasFinite(single.getFirst().get(i))) {
        return who
            + "has no finite number for a row of "
            + ROWS.getFirst()
            + ", which proves nothing";
      }
      if (shape.rank() == 0) {
        return who + "is a scalar, so it has no batch axis";
      }
      if (shape.dim(0) != 1) {
        return who + "has the shape " + shape + " for one row, so axis 0 is not the batch";
      }
    }
    return null;
  }

  private String prove(
      int[] rows, List<List<SampleTensor>> inputs, List<List<SampleTensor>> single) {
    List<SampleTensor> batch = new ArrayList<>();
    for (int i = 0; i < model.inputs().size(); i++) {
      batch.add(stack(rows, inputs, i));
    }
    List<SampleTensor> together;
    try {
      together = runner.run(batch);
    } catch (NativeException e) {
      return "axis 0 is declared dynamic, but a run of "
          + rows.length
          + " rows failed: "
          + e.getMessage();
    }
    for (int i = 0; i < model.outputs().size(); i++) {
      String who = "output '" + model.outputs().get(i).name() + "' ";
      Shape one = single.getFirst().get(i).shape();
      SampleTensor output = together.get(i);
      if (!output.shape().equals(one.withDim(0, rows.length))) {
        return who
            + "has the shape "
            + output.shape()
            + " for "
            + rows.length
            + " rows and "
            + one
            + " for one, so axis 0 is not the batch";
      }
      for (int position = 0; position < rows.length; position++) {
        if (ROWS.get(rows[position]) != SampleData.Kind.EXTREME) {
          double difference = difference(rows, position, inputs, single, i, output);
          if (difference > tolerance) {
            return who
                + String.format(
                    Locale.ROOT,
                    "of a row depends on the other rows of its batch: it is off by %.1e of its"
                        + " largest magnitude, %.0e is allowed",
                    difference,
                    tolerance);
          }
          largestDifference = Math.max(largestDifference, difference);
        }
      }
    }
    return null;
  }

  /** How far a row of a batch is off, rounding set aside that its neighbours have no part in. */
  private double difference(
      int[] rows,
      int position,
      List<List<SampleTensor>> inputs,
      List<List<SampleTensor>> single,
      int output,
      SampleTensor together) {
    SampleTensor alone = single.get(rows[position]).get(output);
    MemorySegment actual = together.row(position);
    double difference = RowComparison.difference(alone.type(), alone.data(), actual);
    if (difference <= tolerance || difference > ROUNDING_LIMIT) {
      return difference;
    }
    int[] copies = new int[rows.length];
    Arrays.fill(copies, rows[position]);
    List<SampleTensor> batch = new ArrayList<>();
    for (int i = 0; i < model.inputs().size(); i++) {
      batch.add(stack(copies, inputs, i));
    }
    MemorySegment amongCopies;
    try {
      amongCopies = runner.run(batch).get(output).row(position);
    } catch (NativeException e) {
      return difference;
    }
    double rounding = RowComparison.difference(alone.type(), alone.data(), amongCopies);
    if (rounding > ROUNDING_LIMIT) {
      return difference;
    }
    largestRounding = Math.max(largestRounding, rounding);
    return RowComparison.difference(alone.type(), amongCopies, actual);
  }

  private static SampleTensor stack(int[] rows, List<List<SampleTensor>> inputs, int index) {
    SampleTensor first = inputs.getFirst().get(index);
    Shape shape = first.shape().withDim(0, rows.length);
    long rowBytes = first.rowBytes();
    byte[] bytes = new byte[Math.toIntExact(rowBytes * rows.length)];
    MemorySegment data = MemorySegment.ofArray(bytes);
    for (int r = 0; r < rows.length; r++) {
      data.asSlice(r * rowBytes, rowBytes).copyFrom(inputs.get(rows[r]).get(index).data());
    }
    return new SampleTensor(first.type(), shape, data);
  }
}
