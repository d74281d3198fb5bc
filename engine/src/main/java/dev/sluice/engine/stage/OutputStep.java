package dev.sluice.engine.stage;

import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.kernels.KernelCall;
import dev.sluice.kernels.TopK;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A stage after the model, the tensors that it works on, and the kernel that does it.
 *
 * <p>Thread safety: immutable.
 *
 * @param stage what is done
 * @param model index of the model's output that it reads
 * @param values index of the served output with the scores or probabilities
 * @param indices index of the served output that says where they stand
 */
public record OutputStep(OutputStage stage, int model, int values, int indices) {

  static OutputStep of(OutputStage stage, int model, int served) {
    boolean indexFirst = stage.kind() == OutputStage.Kind.ARGMAX;
    return new OutputStep(
        stage, model, indexFirst ? served + 1 : served, indexFirst ? served : served + 1);
  }

  /**
   * What it makes of an output.
   *
   * @param shape of the model's output: of a row for a batched model, else as it is
   * @throws BackendException where it has other columns than the stage was made for
   */
  public List<TensorSpec> served(Shape shape) throws BackendException {
    long rows = shape.rank() == 0 ? 1 : shape.dim(0);
    if (shape.elementCount() != rows * stage.columns()) {
      throw new BackendException(
          "the model's output '"
              + stage.tensor()
              + "' has the shape "
              + shape
              + ", but the stage "
              + stage.text()
              + " was made for "
              + stage.columns()
              + " numbers a row; build the package again",
          null);
    }
    return stage.served(rows);
  }

  private boolean softmax() {
    return stage.kind() == OutputStage.Kind.SOFTMAX_TOPK;
  }

  /**
   * Prepares the launch on a device.
   *
   * @param scores address of the model's output
   * @param best address of the served output with the values
   * @param places address of the served output with the indices
   * @param rows number of rows
   */
  public void prepare(KernelCall call, long scores, long best, long places, long rows) {
    TopK.prepare(
        call, stage.type(), scores, best, places, rows, stage.columns(), stage.k(), softmax());
  }

  /**
   * The same on the calling thread. Allocates nothing.
   *
   * @param scores the model's output
   * @param best the served output with the values
   * @param places the served output with the indices
   * @param rows number of rows
   */
  public void run(MemorySegment scores, MemorySegment best, MemorySegment places, long rows) {
    TopK.reference(stage.type(), scores, best, places, rows, stage.columns(), stage.k(), softmax());
  }
}
