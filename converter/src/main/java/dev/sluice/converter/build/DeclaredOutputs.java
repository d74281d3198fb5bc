package dev.sluice.converter.build;

import dev.sluice.bindings.NativeException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.engine.Shape;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Finds outputs whose declared shape does not hold. Some exporters write down the shape that one
 * run had, though it depends on the values of the inputs: memory of that shape is too small or too
 * large for the next. Without the declaration ONNX Runtime infers what is certain, and a run tells
 * the rest.
 *
 * <p>Thread safety: stateless.
 */
final class DeclaredOutputs {
  /** What a shape depends on shows best on values that are all alike. */
  private static final List<SampleData.Kind> KINDS =
      List.of(SampleData.Kind.NORMAL, SampleData.Kind.ZEROS, SampleData.Kind.ONES);

  private DeclaredOutputs() {}

  /**
   * The names of the outputs whose declaration is refuted by a sample. Where no sample runs nothing
   * speaks for any of them, so it is all.
   */
  static Set<String> unfounded(OnnxModel model, SampleRunner runner, SampleSearch samples) {
    Set<String> names = new HashSet<>();
    if (samples.whyNone() != null) {
      model.outputs().stream()
          .filter(OnnxModel.Value::isRanked)
          .forEach(output -> names.add(output.name()));
      return names;
    }
    for (List<Shape> shapes : samples.shapes()) {
      for (SampleData.Kind kind : KINDS) {
        List<SampleTensor> run;
        try {
          run = runner.run(samples.data().sample(shapes, kind, 0));
        } catch (NativeException e) {
          continue; // not all values are valid ones
        }
        for (int i = 0; i < run.size(); i++) {
          OnnxModel.Value output = model.outputs().get(i);
          if (output.isRanked() && !output.shape().accepts(run.get(i).shape())) {
            names.add(output.name());
          }
        }
      }
    }
    return names;
  }
}
