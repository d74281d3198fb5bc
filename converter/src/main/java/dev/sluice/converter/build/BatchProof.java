package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Shows on samples that n rows together give what n single runs give. The rows differ, and among
 * them are all zeros (where the shape of an output depends on the data, it shows), a very small one
 * and two a thousand times larger than the rest: a quantization that takes its range from the whole
 * batch gives the small one's result away. The large ones are neighbours only; see {@link
 * SampleData.Kind#EXTREME}.
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

  private final OnnxModel model;
  private final SampleRunner runner;
  private final SampleSearch samples;
  private final double tolerance;
  private double largestDifference;

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
        return new Verdict(false, "input '" + input.name() + "' is of type " + input.type());
      }
    }
    for (List<Shape> shapes : samples.shapes()) {
      String problem = prove(shapes);
      if (problem != null) {
        return new Verdict(false, problem);
      }
    }
    return new Verdict(
        true,
        String.format(
            Locale.ROOT,
            "2, 3 and 8 rows together gave what each gave alone, at %s; largest difference %.1e of"
                + " the largest magnitude, %.0e allowed",
            samples.shapes(),
            largestDifference,
            tolerance));
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
        return "a single row of " + ROWS.get(row) + " at " + shapes + " failed: " + e.getMessage();
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
        return who + "is of type STRING";
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
      String problem = compare(rows, single, i, output);
      if (problem != null) {
        return who + problem;
      }
    }
    return null;
  }

  private String compare(
      int[] rows, List<List<SampleTensor>> single, int index, SampleTensor together) {
    for (int r = 0; r < rows.length; r++) {
      if (ROWS.get(rows[r]) == SampleData.Kind.EXTREME) {
        continue;
      }
      SampleTensor alone = single.get(rows[r]).get(index);
      double difference = RowComparison.difference(alone.type(), alone.data(), together.row(r));
      if (difference > tolerance) {
        return String.format(
            Locale.ROOT,
            "of a row depends on the other rows of its batch: it is off by %.1e of its largest"
                + " magnitude, %.0e is allowed",
            difference,
            tolerance);
      }
      largestDifference = Math.max(largestDifference, difference);
    }
    return null;
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
