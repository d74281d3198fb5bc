package dev.sluice.engine.cuda;

import dev.sluice.bindings.cuda.CudaStream;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.stage.InputStep;
import dev.sluice.engine.stage.OutputStep;
import dev.sluice.engine.stage.StagePlan;
import java.util.ArrayList;
import java.util.List;

/**
 * One shape of requests: which tensors a lane holds on the device for it, and how large a row of
 * each is. In this order: the inputs that callers see; the model's inputs that stages fill; the
 * model's outputs; what stages make of them.
 *
 * <p>Thread safety: immutable.
 */
final class CudaShape {
  /** The number of this shape among those of its backend. */
  final int index;

  final ShapeKey key;

  /** The model's inputs for one row. */
  final List<Shape> modelInputs;

  /** What callers see of an output for one row. */
  final List<TensorSpec> servedOutputs;

  /** Bytes of a row, by tensor. */
  final long[] rowBytes;

  /** Indices of tensors. */
  final int[] servedInput;

  final int[] modelInput;
  final int[] modelOutput;
  final int[] servedOutput;

  /** Fewest rows of a run. */
  final int leastRows;

  /** By the model's outputs: whether only a run tells the shape. */
  final boolean[] dynamic;

  /** Whether no output is {@link #dynamic}. */
  final boolean fixedOutputs;

  private CudaShape(
      int index,
      ShapeKey key,
      List<Shape> modelInputs,
      List<TensorSpec> servedOutputs,
      Tensors tensors,
      int leastRows) {
    this.index = index;
    this.key = key;
    this.modelInputs = List.copyOf(modelInputs);
    this.servedOutputs = List.copyOf(servedOutputs);
    this.rowBytes = tensors.bytes.stream().mapToLong(bytes -> bytes).toArray();
    this.servedInput = tensors.servedInput;
    this.modelInput = tensors.modelInput;
    this.modelOutput = tensors.modelOutput;
    this.servedOutput = tensors.servedOutput;
    this.leastRows = leastRows;
    this.dynamic = tensors.dynamic;
    this.fixedOutputs = tensors.fixedOutputs();
  }

  /** The tensors, while they are counted. */
  private static final class Tensors {
    private final List<Long> bytes = new ArrayList<>();
    private final int[] servedInput;
    private final int[] modelInput;
    private final int[] modelOutput;
    private final int[] servedOutput;
    private final boolean[] dynamic;

    Tensors(StagePlan stages) {
      servedInput = new int[stages.served().inputs().size()];
      modelInput = new int[stages.model().inputs().size()];
      modelOutput = new int[stages.model().outputs().size()];
      servedOutput = new int[stages.served().outputs().size()];
      dynamic = new boolean[modelOutput.length];
    }

    boolean fixedOutputs() {
      boolean fixed = true;
      for (boolean each : dynamic) {
        fixed &= !each;
      }
      return fixed;
    }

    /** An output of the model; one whose shape only a run tells takes no room here. */
    void output(int index, TensorSpec spec, Shape row, boolean batched) throws BackendException {
      dynamic[index] = !row.isStatic();
      if (dynamic[index]) {
        bytes.add(0L);
        modelOutput[index] = bytes.size() - 1;
      } else {
        modelOutput[index] = add(spec, row, batched);
      }
    }

    int add(TensorSpec spec, Shape row, boolean batched) throws BackendException {
      long rowBytes = spec.type().byteSize(row.elementCount());
      if (batched && rowBytes * 8 != row.elementCount() * spec.type().bits()) {
        throw new BackendException(
            "a row of '"
                + spec.name()
                + "' ("
                + spec.type()
                + row
                + ") does not end at a byte, so rows can't share a batch; build the package with"
                + " --no-batching",
            null);
      }
      bytes.add(rowBytes);
      return bytes.size() - 1;
    }
  }

  /**
   * Asks TensorRT what a shape comes to; the device's context is current.
   *
   * @param key shapes that the stages' served inputs accept
   * @throws BackendException where the plan does not take it
   */
  static CudaShape of(int index, LoadedPlan plan, StagePlan stages, ShapeKey key, CudaStream stream)
      throws BackendException {
    boolean batched = stages.batched();
    List<Shape> inputs = stages.modelKey(key).inputs();
    int leastRows = batched ? plan.leastRows(inputs) : 1;
    Shape[] outputs =
        outputs(plan, withRows(inputs, leastRows, batched), leastRows, batched, stream);
    Tensors tensors = new Tensors(stages);
    List<TensorSpec> served = stages.served().inputs();
    for (int i = 0; i < served.size(); i++) {
      tensors.servedInput[i] = tensors.add(served.get(i), key.inputs().get(i), batched);
      if (stages.modelInput(i) >= 0) {
        tensors.modelInput[stages.modelInput(i)] = tensors.servedInput[i];
      }
    }
    for (InputStep step : stages.inputs()) {
      tensors.modelInput[step.model()] =
          tensors.add(stages.model().inputs().get(step.model()), inputs.get(step.model()), batched);
    }
    for (int i = 0; i < outputs.length; i++) {
      tensors.output(i, stages.model().outputs().get(i), outputs[i], batched);
    }
    return new CudaShape(
        index, key, inputs, servedOutputs(stages, outputs, tensors), tensors, leastRows);
  }

  private static List<TensorSpec> servedOutputs(StagePlan stages, Shape[] outputs, Tensors tensors)
      throws BackendException {
    TensorSpec[] specs = new TensorSpec[stages.served().outputs().size()];
    for (int i = 0; i < specs.length; i++) {
      int own = stages.modelOutput(i);
      if (own >= 0) {
        TensorSpec spec = stages.served().outputs().get(i);
        specs[i] = new TensorSpec(spec.name(), spec.type(), outputs[own]);
        tensors.servedOutput[i] = tensors.modelOutput[own];
      }
    }
    for (OutputStep step : stages.outputs()) {
      if (tensors.dynamic[step.model()]) {
        throw new BackendException(
            "the stage "
                + step.stage().text()
                + " is of an output whose shape depends on data, which no stage takes on a GPU; use"
                + " --device cpu",
            null);
      }
      List<TensorSpec> made = step.served(outputs[step.model()]);
      int first = Math.min(step.values(), step.indices());
      for (int i = 0; i < made.size(); i++) {
        specs[first + i] = made.get(i);
        tensors.servedOutput[first + i] =
            tensors.add(made.get(i), made.get(i).shape(), stages.batched());
      }
    }
    return List.of(specs);
  }

  private static Shape[] outputs(
      LoadedPlan plan, List<Shape> inputs, int rows, boolean batched, CudaStream stream)
      throws BackendException {
    Shape[] outputs = plan.outputShapes(inputs, stream);
    for (int i = 0; batched && i < outputs.length; i++) {
      if (outputs[i].rank() == 0 || outputs[i].dim(0) != rows || !outputs[i].isStatic()) {
        throw new BackendException(
            plan
                + ": output '"
                + plan.model().outputs().get(i).name()
                + "' has the shape "
                + outputs[i]
                + " for "
                + rows
                + " rows, so the model can't run batched; build the package with --no-batching",
            null);
      }
      outputs[i] = outputs[i].withDim(0, 1);
    }
    return outputs;
  }

  /** The model's inputs for a number of rows. */
  List<Shape> modelInputs(int rows, boolean batched) {
    return withRows(modelInputs, rows, batched);
  }

  private static List<Shape> withRows(List<Shape> shapes, int rows, boolean batched) {
    return batched ? shapes.stream().map(shape -> shape.withDim(0, rows)).toList() : shapes;
  }

  @Override
  public String toString() {
    return key.inputs().toString();
  }
}
