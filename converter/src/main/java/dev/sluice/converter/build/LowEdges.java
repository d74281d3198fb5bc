package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.OutputStage;
import dev.sluice.engine.stage.Stage;
import dev.sluice.engine.stage.StagePlan;
import java.util.ArrayList;
import java.util.List;

/**
 * What callers see of a package whose model takes and gives 16 bits in the place of FLOAT: tensors
 * that no stage reads or writes change, and stages read and write the model's new type.
 *
 * <p>Thread safety: immutable.
 *
 * @param signature what callers see
 * @param stages around the model
 */
record LowEdges(Signature signature, List<Stage> stages) {
  /** The largest finite number of FLOAT16. */
  private static final double MAX_HALF = 65_504;

  /**
   * Changes what a package says.
   *
   * @param type FLOAT16 or BFLOAT16
   * @throws IllegalArgumentException naming the stage or the padding that the type does not suit
   */
  static LowEdges of(Manifest manifest, ElementType type) {
    List<Stage> stages = new ArrayList<>();
    for (Stage stage : manifest.stages()) {
      stages.add(stage instanceof InputStage in ? low(in, type) : low((OutputStage) stage, type));
    }
    for (Manifest.PadRule rule : manifest.padding().rules()) {
      if (type == ElementType.FLOAT16 && Math.abs(rule.value()) > MAX_HALF) {
        throw new IllegalArgumentException(
            "the padding of '"
                + rule.input()
                + "' has the value "
                + rule.value()
                + ", and FLOAT16 ends at "
                + MAX_HALF
                + ": give a smaller one");
      }
    }
    Signature old = manifest.signature();
    StagePlan plan = StagePlan.ofServed(old, manifest.batching().proven(), manifest.stages());
    List<TensorSpec> inputs = new ArrayList<>();
    for (int i = 0; i < old.inputs().size(); i++) {
      TensorSpec spec = old.inputs().get(i);
      inputs.add(plan.modelInput(i) >= 0 ? low(spec, type) : spec);
    }
    List<TensorSpec> outputs = new ArrayList<>();
    for (int i = 0; i < old.outputs().size(); i++) {
      TensorSpec spec = old.outputs().get(i);
      outputs.add(plan.modelOutput(i) >= 0 ? low(spec, type) : spec);
    }
    return new LowEdges(new Signature(inputs, outputs), stages);
  }

  private static ElementType low(ElementType old, ElementType type) {
    return old == ElementType.FLOAT ? type : old;
  }

  private static TensorSpec low(TensorSpec spec, ElementType type) {
    return new TensorSpec(spec.name(), low(spec.type(), type), spec.shape());
  }

  private static Stage low(InputStage stage, ElementType type) {
    return new InputStage(
        stage.tensor(),
        low(stage.type(), type),
        stage.channels(),
        stage.height(),
        stage.width(),
        stage.fit(),
        stage.fill(),
        stage.scale(),
        stage.mean(),
        stage.std(),
        stage.order(),
        stage.sourceHeight(),
        stage.sourceWidth(),
        stage.anySize());
  }

  private static Stage low(OutputStage stage, ElementType type) {
    return new OutputStage(
        stage.tensor(), low(stage.type(), type), stage.columns(), stage.kind(), stage.k());
  }
}
