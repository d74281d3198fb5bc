package dev.sluice.engine.stage;

import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.ShapeKey;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The stages of a package laid over the inputs and outputs of its model: what callers see, which of
 * their tensors each stage reads and writes, and which kernel does it with which parameters. A
 * backend on the host runs it with {@link StagedBackend}; one on a device launches what {@link
 * InputStep#prepare} and {@link OutputStep#prepare} prepare.
 *
 * <p>Thread safety: immutable.
 */
public final class StagePlan {
  /** The plan of a package without stages. */
  public static final StagePlan NONE =
      new StagePlan(new Signature(List.of(), List.of()), false, List.of());

  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Signature model;
  private final Signature served;
  private final boolean batched;
  private final List<InputStep> inputs = new ArrayList<>();
  private final List<OutputStep> outputs = new ArrayList<>();

  /** By the served tensor's index: the model's tensor that it is, or -1 where a stage makes it. */
  private final List<Integer> modelInputs = new ArrayList<>();

  private final List<Integer> modelOutputs = new ArrayList<>();

  private StagePlan(Signature model, boolean batched, List<Stage> stages) {
    this.model = model;
    this.batched = batched;
    List<TensorSpec> in = new ArrayList<>();
    List<TensorSpec> out = new ArrayList<>();
    for (int i = 0; i < model.inputs().size(); i++) {
      TensorSpec spec = model.inputs().get(i);
      if (find(stages, spec.name(), true) instanceof InputStage stage) {
        stage.check(spec);
        inputs.add(InputStep.of(stage, i, in.size()));
        add(stage, spec, in, modelInputs);
      } else {
        in.add(spec);
        modelInputs.add(i);
      }
    }
    for (int i = 0; i < model.outputs().size(); i++) {
      TensorSpec spec = model.outputs().get(i);
      if (find(stages, spec.name(), false) instanceof OutputStage stage) {
        stage.check(spec);
        outputs.add(OutputStep.of(stage, i, out.size()));
        add(stage, spec, out, modelOutputs);
      } else {
        out.add(spec);
        modelOutputs.add(i);
      }
    }
    distinct(in);
    distinct(out);
    this.served = new Signature(in, out);
  }

  private void add(Stage stage, TensorSpec spec, List<TensorSpec> specs, List<Integer> model) {
    // A backend may not know the rank of an output, which then counts as a scalar.
    long declared = spec.shape().rank() == 0 ? Shape.DYNAMIC : spec.shape().dim(0);
    for (TensorSpec one : stage.served(batched ? Shape.DYNAMIC : declared)) {
      specs.add(one);
      model.add(-1);
    }
  }

  private static Stage find(List<Stage> stages, String tensor, boolean input) {
    for (Stage stage : stages) {
      if (stage.tensor().equals(tensor) && stage instanceof InputStage == input) {
        return stage;
      }
    }
    return null;
  }

  private static void distinct(List<TensorSpec> specs) {
    Set<String> names = new HashSet<>();
    for (TensorSpec spec : specs) {
      if (!names.add(spec.name())) {
        throw new IllegalArgumentException(
            "the stages make a second tensor '"
                + spec.name()
                + "' beside the model's own; rename that one in the model");
      }
    }
  }

  /**
   * Lays stages over a model.
   *
   * @param model the model's own signature
   * @param batched whether axis 0 of every input and output is the batch
   * @param stages at most one for each tensor
   * @throws IllegalArgumentException where a stage is of no tensor of the model, or of another one
   *     than it was made for
   */
  public static StagePlan of(Signature model, boolean batched, List<Stage> stages) {
    Set<String> seen = new HashSet<>();
    for (Stage stage : stages) {
      boolean input = stage instanceof InputStage;
      if (input) {
        var _ = model.inputIndex(stage.tensor());
      } else {
        var _ = model.outputIndex(stage.tensor());
      }
      if (!seen.add((input ? "i " : "o ") + stage.tensor())) {
        throw new IllegalArgumentException("'" + stage.tensor() + "' has two stages; give it one");
      }
    }
    return new StagePlan(model, batched, stages);
  }

  /**
   * The same of what callers see, where the model itself is not at hand.
   *
   * @param served as a package's manifest has it
   */
  public static StagePlan ofServed(Signature served, boolean batched, List<Stage> stages) {
    Signature model =
        new Signature(
            modelTensors(served.inputs(), stages, true),
            modelTensors(served.outputs(), stages, false));
    return of(model, batched, stages);
  }

  private static List<TensorSpec> modelTensors(
      List<TensorSpec> served, List<Stage> stages, boolean inputs) {
    List<TensorSpec> model = new ArrayList<>();
    int at = 0;
    while (at < served.size()) {
      TensorSpec spec = served.get(at);
      int width = 1;
      for (Stage stage : stages) {
        List<TensorSpec> own = stage.served(Shape.DYNAMIC);
        if (stage instanceof InputStage == inputs && own.getFirst().name().equals(spec.name())) {
          spec = stage.model(spec.shape().dim(0));
          width = own.size();
        }
      }
      model.add(spec);
      at += width;
    }
    return model;
  }

  /** Whether there is nothing to do. */
  public boolean isEmpty() {
    return inputs.isEmpty() && outputs.isEmpty();
  }

  /** The model's own inputs and outputs. */
  public Signature model() {
    return model;
  }

  /** What callers see. */
  public Signature served() {
    return served;
  }

  /** Whether axis 0 of every input and output is the batch. */
  public boolean batched() {
    return batched;
  }

  /** The stages before the model, in the order of its inputs. */
  public List<InputStep> inputs() {
    return List.copyOf(inputs);
  }

  /** The stages after the model, in the order of its outputs. */
  public List<OutputStep> outputs() {
    return List.copyOf(outputs);
  }

  /** The model's input that served input {@code index} is; -1 where a stage reads it. */
  public int modelInput(int index) {
    return modelInputs.get(index);
  }

  /** The model's output that served output {@code index} is; -1 where a stage writes it. */
  public int modelOutput(int index) {
    return modelOutputs.get(index);
  }

  /** The stage that reads served input {@code index} as images, or null. */
  public InputStep images(int index) {
    for (int i = 0; i < inputs.size(); i++) {
      if (inputs.get(i).served() == index) {
        return inputs.get(i);
      }
    }
    return null;
  }

  /**
   * Whether the stages take these shapes: as many as there are inputs, images of the right form,
   * and as many sizes as images. Inputs that no stage reads are the model's business.
   */
  public boolean accepts(ShapeKey key) {
    List<Shape> shapes = key.inputs();
    boolean fits = shapes.size() == served.inputs().size();
    for (int i = 0; fits && i < shapes.size(); i++) {
      fits = modelInput(i) >= 0 || served.inputs().get(i).shape().accepts(shapes.get(i));
    }
    for (InputStep step : inputs) {
      fits =
          fits
              && (step.sizes() < 0
                  || shapes.get(step.sizes()).dim(0) == shapes.get(step.served()).dim(0));
    }
    return fits;
  }

  /**
   * The model's shapes for those that callers gave.
   *
   * @throws IllegalArgumentException where there are not as many as inputs
   */
  public ShapeKey modelKey(ShapeKey key) {
    if (key.inputs().size() != served.inputs().size()) {
      throw new IllegalArgumentException(
          "the inputs are "
              + served.inputs()
              + ", but shapes were given for "
              + key.inputs().size());
    }
    Shape[] shapes = new Shape[model.inputs().size()];
    for (int i = 0; i < modelInputs.size(); i++) {
      if (modelInputs.get(i) >= 0) {
        shapes[modelInputs.get(i)] = key.inputs().get(i);
      }
    }
    for (InputStep step : inputs) {
      InputStage stage = step.stage();
      Shape images = key.inputs().get(step.served());
      long rows = images.rank() == 0 ? 1 : images.dim(0);
      shapes[step.model()] = Shape.of(rows, stage.channels(), stage.height(), stage.width());
    }
    return new ShapeKey(List.of(shapes));
  }

  /**
   * What is wrong with the images in some rows of a batch, or null. Allocates nothing where all is
   * well.
   *
   * @param memory served inputs
   * @param firstRow the first row that is looked at
   * @param rows how many, as the engine counts them: 1 for all of a model that is not batched
   */
  public String problem(BatchMemory memory, int firstRow, int rows) {
    for (int i = 0; i < inputs.size(); i++) {
      InputStep step = inputs.get(i);
      if (step.sizes() < 0) {
        continue;
      }
      MemorySegment sizes = memory.input(step.sizes());
      long imagesPerRow = memory.inputRowBytes(step.sizes()) / (2 * Integer.BYTES);
      long end = (firstRow + rows) * imagesPerRow;
      for (long image = firstRow * imagesPerRow; image < end; image++) {
        int height = sizes.get(I32, image * 2 * Integer.BYTES);
        int width = sizes.get(I32, image * 2 * Integer.BYTES + Integer.BYTES);
        if (!step.stage().fits(height, width)) {
          return "row "
              + (image - firstRow * imagesPerRow)
              + " has "
              + step.stage().sizeProblem(height, width)
              + "; Inputs.image writes a size that fits its pixels";
        }
      }
    }
    return null;
  }

  /**
   * Gives every row of a batch images of the largest size, so that a run that only measures has
   * something to do.
   */
  public void fillSizes(BatchMemory memory) {
    for (InputStep step : inputs) {
      if (step.sizes() >= 0) {
        MemorySegment sizes = memory.input(step.sizes());
        for (long at = 0; at < sizes.byteSize(); at += 2 * Integer.BYTES) {
          sizes.set(I32, at, step.stage().sourceHeight());
          sizes.set(I32, at + Integer.BYTES, step.stage().sourceWidth());
        }
      }
    }
  }
}
