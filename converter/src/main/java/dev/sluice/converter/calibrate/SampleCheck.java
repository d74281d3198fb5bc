package dev.sluice.converter.calibrate;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.TensorDifference;
import dev.sluice.engine.npy.NpyArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Refuses samples that no range can be learnt from, with the reason: too few, of another shape or
 * type than the model's inputs, with elements that are no numbers, or all alike.
 *
 * <p>Thread safety: used by one thread.
 */
public final class SampleCheck {
  /** Fewer samples leave nothing to hold out: a choice, not a measurement. */
  public static final int MIN_SAMPLES = 4;

  private final CalibrationSource source;
  private final List<TensorSpec> inputs;
  private final boolean batched;

  /** The lowest and highest element of each input so far. */
  private final double[][] extremes;

  /** Thrown where samples are of no use. */
  public static final class UnfitException extends IOException {
    private static final long serialVersionUID = 1L;

    UnfitException(String message) {
      super(message);
    }

    /** With the sample, what is wrong with it, and what to do. */
    public UnfitException(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * A check.
   *
   * @param inputs of the model, dynamic dimensions as -1
   * @param batched whether axis 0 of each is the batch
   */
  public SampleCheck(CalibrationSource source, List<TensorSpec> inputs, boolean batched) {
    this.source = source;
    this.inputs = List.copyOf(inputs);
    this.batched = batched;
    this.extremes = new double[inputs.size()][];
  }

  /**
   * Reads each sample once.
   *
   * @throws UnfitException where they are of no use
   */
  public void run() throws IOException {
    if (source.count() < MIN_SAMPLES) {
      throw new UnfitException(
          "calibration has "
              + source.count()
              + " samples, and takes at least "
              + MIN_SAMPLES
              + ", better 100 or more: give more");
    }
    for (int i = 0; i < source.count(); i++) {
      check(source.name(i), source.sample(i));
    }
    List<String> constant = new ArrayList<>();
    boolean varies = false;
    for (int i = 0; i < inputs.size(); i++) {
      if (extremes[i] == null || extremes[i][0] == extremes[i][1]) {
        constant.add("'" + inputs.get(i).name() + "'");
      } else {
        varies = true;
      }
    }
    if (!varies) {
      throw new UnfitException(
          "calibration has nothing but one value in "
              + String.join(", ", constant)
              + ", so that no range can be learnt: give samples of what the model will see");
    }
  }

  private void check(String name, Map<String, NpyArray> sample) throws UnfitException {
    for (int i = 0; i < inputs.size(); i++) {
      TensorSpec spec = inputs.get(i);
      NpyArray array = sample.get(spec.name());
      if (array == null) {
        throw new UnfitException(name + ": has no array for the input '" + spec.name() + "'");
      }
      if (array.type() != spec.type() || !fits(array.shape(), spec.shape())) {
        throw new UnfitException(
            name
                + ": the array of '"
                + spec.name()
                + "' is "
                + array.type()
                + array.shape()
                + ", but the model takes "
                + spec.type()
                + spec.shape()
                + (batched ? ", one row of it" : ""));
      }
      look(name, spec, array, i);
    }
  }

  private boolean fits(Shape shape, Shape declared) {
    if (shape.rank() != declared.rank()) {
      return false;
    }
    for (int axis = 0; axis < shape.rank(); axis++) {
      long wanted = batched && axis == 0 ? 1 : declared.dim(axis);
      if (wanted != Shape.DYNAMIC && shape.dim(axis) != wanted) {
        return false;
      }
    }
    return true;
  }

  private void look(String name, TensorSpec spec, NpyArray array, int index) throws UnfitException {
    if (spec.type() == ElementType.STRING) {
      return;
    }
    boolean real = TensorDifference.isReal(spec.type());
    long count = array.shape().elementCount();
    for (long i = 0; i < count; i++) {
      double value = TensorElements.value(spec.type(), array.data(), i);
      if (real && !Double.isFinite(value)) {
        throw new UnfitException(
            name
                + ": element "
                + i
                + " of '"
                + spec.name()
                + "' is "
                + value
                + "; a range takes finite numbers: mend the sample or leave it out");
      }
      if (extremes[index] == null) {
        extremes[index] = new double[] {value, value};
      }
      extremes[index][0] = Math.min(extremes[index][0], value);
      extremes[index][1] = Math.max(extremes[index][1], value);
    }
  }
}
