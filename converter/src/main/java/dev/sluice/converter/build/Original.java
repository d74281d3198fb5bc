package dev.sluice.converter.build;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.engine.Shape;
import java.util.List;
import java.util.Locale;

/**
 * The model as it was read, beside the graph that was made of it: gives the results that the other
 * one is held to.
 *
 * <p>Thread safety: used by one thread.
 */
final class Original implements AutoCloseable {
  private static final List<SampleData.Kind> KINDS =
      List.of(SampleData.Kind.NORMAL, SampleData.Kind.UNIT, SampleData.Kind.ZEROS);

  private final OrtSession session;
  private final Rewriting rewriting;
  private final SampleSearch samples;

  /**
   * The original.
   *
   * @param session of it; closed with this object
   * @param shapes of its inputs
   * @throws ModelException when it runs on no sample
   */
  Original(OrtSession session, Rewriting rewriting, SampleShapes shapes, long seed)
      throws ModelException {
    this.session = session;
    this.rewriting = rewriting;
    boolean oneRow = shapes.whyNotBatch() == null;
    try {
      samples =
          SampleSearch.run(
              rewriting.original(), new SampleRunner(session), shapes, oneRow, false, seed);
    } catch (ModelException | RuntimeException e) {
      session.close();
      throw e;
    }
  }

  /** Runs samples of one row, where the rewritten model takes them. */
  SampleRunner runner() {
    return new SampleRunner(session, rewriting.rows());
  }

  /**
   * Holds the rewritten model against this one, at the shapes that this one takes.
   *
   * @param tolerance as a part of the largest magnitude of an output
   * @return how it was shown
   * @throws RewriteFailedException where the results differ
   */
  String prove(SampleRunner rewritten, double tolerance) throws RewriteFailedException {
    if (samples.whyNone() != null) {
      throw new RewriteFailedException(null, samples.whyNone());
    }
    SampleRunner runner = new SampleRunner(session);
    double largest = 0;
    int count = 0;
    for (List<Shape> shapes : samples.shapes()) {
      for (int i = 0; i < KINDS.size(); i++) {
        List<SampleTensor> inputs = samples.data().sample(shapes, KINDS.get(i), i);
        List<SampleTensor> expected;
        try {
          expected = runner.run(inputs);
        } catch (NativeException e) {
          continue; // zeros may be nothing that the model takes
        }
        List<SampleTensor> actual;
        try {
          actual = rewritten.run(inputs);
        } catch (NativeException e) {
          throw new RewriteFailedException(e);
        }
        double difference = difference(expected, actual);
        if (difference > tolerance) {
          if (difference(expected, runner.run(inputs)) > tolerance) {
            throw new RewriteFailedException(
                null, "two runs of the model itself differ, so that nothing can be shown");
          }
        }
        largest = Math.max(largest, difference);
        count++;
      }
    }
    if (largest > tolerance) {
      throw new RewriteFailedException(
          null,
          String.format(
              Locale.ROOT,
              "an output differs from the model's by %.1e of its largest magnitude, %.0e is"
                  + " allowed",
              largest,
              tolerance));
    }
    return String.format(
        Locale.ROOT,
        "the rewritten graph gave what the model gave on %d samples; largest difference %.1e of"
            + " the largest magnitude, %.0e allowed",
        count,
        largest,
        tolerance);
  }

  private static double difference(List<SampleTensor> expected, List<SampleTensor> actual) {
    double largest = 0;
    for (int i = 0; i < expected.size(); i++) {
      SampleTensor one = expected.get(i);
      SampleTensor other = actual.get(i);
      if (one.type() != other.type() || !one.shape().equals(other.shape())) {
        return Double.POSITIVE_INFINITY;
      }
      if (one.data() != null && one.data().byteSize() > 0) {
        largest = Math.max(largest, RowComparison.difference(one.type(), one.data(), other.data()));
      }
    }
    return largest;
  }

  @Override
  public void close() {
    session.close();
  }
}
