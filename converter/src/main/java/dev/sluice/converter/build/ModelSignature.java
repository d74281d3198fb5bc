package dev.sluice.converter.build;

import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * What goes in and out of a model that may not tell all of it.
 *
 * <p>Thread safety: stateless.
 */
final class ModelSignature {
  private ModelSignature() {}

  /**
   * The declared signature; where an output's rank is not declared, as ONNX Runtime infers it, and
   * else as a run has it, with every dimension dynamic. Without a run such an output is told as a
   * scalar, as the engine does.
   *
   * @param session of the model
   * @param run what the model gave for a sample, or null
   * @param batched whether axis 0 of every output is the batch
   */
  static Signature of(
      OnnxModel model, OrtSession session, List<SampleTensor> run, boolean batched) {
    List<TensorSpec> inputs = new ArrayList<>();
    for (OnnxModel.Value input : model.inputs()) {
      inputs.add(new TensorSpec(input.name(), input.type(), input.shape()));
    }
    List<TensorSpec> outputs = new ArrayList<>();
    for (int i = 0; i < model.outputs().size(); i++) {
      OnnxModel.Value output = model.outputs().get(i);
      OrtValueInfo inferred = session.outputs().get(i);
      Shape actual = run == null ? null : run.get(i).shape();
      Shape shape = actual == null ? Shape.of() : dynamic(actual);
      if (output.isRanked() && (actual == null || output.shape().rank() == actual.rank())) {
        shape = output.shape();
      } else if (inferred.hasShape()
          && (actual == null || inferred.dims().size() == actual.rank())) {
        shape = Shape.of(inferred.dims().stream().mapToLong(Long::longValue).toArray());
      }
      if (batched) {
        shape = shape.withDim(0, Shape.DYNAMIC);
      }
      outputs.add(new TensorSpec(output.name(), output.type(), shape));
    }
    return new Signature(inputs, outputs);
  }

  private static Shape dynamic(Shape shape) {
    Shape dynamic = shape;
    for (int axis = 0; axis < shape.rank(); axis++) {
      dynamic = dynamic.withDim(axis, Shape.DYNAMIC);
    }
    return dynamic;
  }
}
