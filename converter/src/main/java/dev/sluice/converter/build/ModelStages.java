package dev.sluice.converter.build;

import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.Manifest.Range;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.InputStageSpec;
import dev.sluice.engine.stage.OutputStage;
import dev.sluice.engine.stage.OutputStageSpec;
import dev.sluice.engine.stage.Stage;
import dev.sluice.engine.stage.StagePlan;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The stages that were asked for, and the model that they are for. Stages before the model are
 * known at once; those after it when a run has told the shapes of the outputs.
 *
 * <p>Thread safety: immutable.
 */
final class ModelStages {
  /** Operators that leave the numbers of their first input what they are. */
  private static final Set<String> RESHAPING =
      Set.of(
          "Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze");

  private final OnnxModel model;
  private final List<InputStage> inputs;
  private final List<OutputStageSpec> outputs;

  private ModelStages(OnnxModel model, List<InputStage> inputs, List<OutputStageSpec> outputs) {
    this.model = model;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  /**
   * Finds the tensors of the stages.
   *
   * @throws ModelException where there is no such tensor, or it can't have such a stage
   */
  static ModelStages of(OnnxModel model, BuildOptions options) throws ModelException {
    List<InputStage> inputs = new ArrayList<>();
    for (InputStageSpec spec : options.inputStages()) {
      OnnxModel.Value input = find(model, model.inputs(), spec.tensor(), "input");
      if (!input.isRanked()) {
        throw new ModelException(
            model.file(),
            "the input '"
                + input.name()
                + "' has no declared shape, and a stage needs one; export the model with it");
      }
      if (options.shapes().containsKey(input.name())) {
        throw new ModelException(
            model.file(),
            "the stage of the input '" + input.name() + "' says its shape; leave --shape out");
      }
      try {
        inputs.add(spec.resolve(new TensorSpec(input.name(), input.type(), input.shape())));
      } catch (IllegalArgumentException e) {
        throw new ModelException(model.file(), e.getMessage(), e);
      }
    }
    for (OutputStageSpec spec : options.outputStages()) {
      var _ = find(model, model.outputs(), spec.tensor(), "output");
      NodeProto softmax =
          spec.kind() == OutputStage.Kind.SOFTMAX_TOPK ? softmax(model, spec) : null;
      if (softmax != null) {
        throw new ModelException(
            model.file(),
            "the output '"
                + spec.tensor()
                + "' is probabilities already, out of the node '"
                + (softmax.getName().isEmpty() ? softmax.getOutput(0) : softmax.getName())
                + "' (Softmax), and a second softmax would make other ones of them; say "
                + spec.tensor()
                + "=topk:"
                + spec.k());
      }
    }
    return new ModelStages(model, inputs, options.outputStages());
  }

  /** The Softmax whose result an output is, in another shape or type maybe; else null. */
  private static NodeProto softmax(OnnxModel model, OutputStageSpec spec) {
    Map<String, NodeProto> makers = new HashMap<>();
    for (NodeProto node : model.proto().getGraph().getNodeList()) {
      node.getOutputList().forEach(name -> makers.put(name, node));
    }
    // Taken out of the map, so that a graph that goes in circles ends, too.
    NodeProto node = makers.remove(spec.tensor());
    while (node != null && RESHAPING.contains(node.getOpType()) && node.getInputCount() > 0) {
      node = makers.remove(node.getInput(0));
    }
    return node != null && node.getOpType().equals("Softmax") ? node : null;
  }

  private static OnnxModel.Value find(
      OnnxModel model, List<OnnxModel.Value> values, String name, String kind)
      throws ModelException {
    for (OnnxModel.Value value : values) {
      if (value.name().equals(name)) {
        return value;
      }
    }
    throw new ModelException(
        model.file(),
        "a stage is for the "
            + kind
            + " '"
            + name
            + "', but the "
            + kind
            + "s are "
            + values.stream().map(OnnxModel.Value::name).toList()
            + "; name one of them");
  }

  /** The shapes that were given, and those that the stages say where the model leaves it open. */
  Map<String, List<Range>> shapes(Map<String, List<Range>> given) {
    Map<String, List<Range>> shapes = new LinkedHashMap<>(given);
    for (InputStage stage : inputs) {
      for (OnnxModel.Value input : model.inputs()) {
        Shape declared = input.isRanked() ? input.shape() : Shape.of();
        if (input.name().equals(stage.tensor())
            && (declared.dim(2) == Shape.DYNAMIC || declared.dim(3) == Shape.DYNAMIC)) {
          long rows = declared.dim(0) == Shape.DYNAMIC ? 1 : declared.dim(0);
          shapes.put(
              stage.tensor(),
              List.of(one(rows), one(stage.channels()), one(stage.height()), one(stage.width())));
        }
      }
    }
    return shapes;
  }

  private static Range one(long extent) {
    return new Range(extent, extent, extent);
  }

  /**
   * All stages, in the order in which they were asked for.
   *
   * @param run what the model gave for a sample
   * @throws ModelException where an output can't have such a stage
   */
  List<Stage> resolved(List<SampleTensor> run) throws ModelException {
    List<Stage> stages = new ArrayList<>(inputs);
    for (OutputStageSpec spec : outputs) {
      for (int i = 0; i < model.outputs().size(); i++) {
        OnnxModel.Value output = model.outputs().get(i);
        if (output.name().equals(spec.tensor())) {
          Shape shape = run.get(i).shape();
          try {
            stages.add(spec.resolve(new TensorSpec(output.name(), output.type(), shape), shape));
          } catch (IllegalArgumentException e) {
            throw new ModelException(model.file(), e.getMessage(), e);
          }
        }
      }
    }
    return stages;
  }

  /** The stages over the model's own signature. */
  StagePlan plan(Signature signature, boolean batched, List<Stage> stages) throws ModelException {
    try {
      return StagePlan.of(signature, batched, stages);
    } catch (IllegalArgumentException e) {
      throw new ModelException(model.file(), e.getMessage(), e);
    }
  }
}
