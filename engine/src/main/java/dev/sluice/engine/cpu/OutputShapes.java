package dev.sluice.engine.cpu;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OrtBinding;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.ShapeKey;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the shape of one row of each output before any request runs.
 *
 * <p>Where a batched model declares a dynamic dimension besides the batch, one run with one zeroed
 * row and one with two tell it; that the batch is the only thing that rows share was proven when
 * the package was built. A model that is not batched has no such proof: there a dynamic dimension
 * that is left when all inputs are known may depend on the data, and only the run can tell.
 *
 * <p>Thread safety: stateless.
 */
final class OutputShapes {
  private OutputShapes() {}

  /** One shape per output, for one row; null where only a run can tell. */
  static Shape[] of(CpuBackend backend, ShapeKey key) throws BackendException {
    OrtSession session = backend.session();
    List<TensorSpec> specs = backend.signature().outputs();
    Shape[] shapes = new Shape[specs.size()];
    boolean probe = false;
    for (int i = 0; i < shapes.length; i++) {
      TensorSpec spec = specs.get(i);
      if (spec.type() == ElementType.STRING) {
        continue;
      }
      Shape declared = spec.shape();
      if (!backend.batched()) {
        boolean known = session.outputs().get(i).hasShape() && declared.isStatic();
        shapes[i] = known ? declared : null;
      } else {
        boolean known =
            declared.rank() > 0
                && declared.dim(0) == Shape.DYNAMIC
                && declared.withDim(0, 1).isStatic();
        shapes[i] = known ? declared.withDim(0, 1) : null;
        probe |= !known;
      }
    }
    return probe ? probed(backend, key, shapes) : shapes;
  }

  private static Shape[] probed(CpuBackend backend, ShapeKey key, Shape[] declared)
      throws BackendException {
    List<Shape> one;
    List<Shape> two;
    try {
      one = run(backend, key, 1);
      two = run(backend, key, 2);
    } catch (NativeException e) {
      // Zeros need not be a valid input; a real run will say what is wrong, if anything is.
      return declared;
    }
    Shape[] shapes = declared.clone();
    for (int i = 0; i < shapes.length; i++) {
      boolean text = backend.signature().outputs().get(i).type() == ElementType.STRING;
      Shape shape = one.get(i);
      if (shapes[i] == null
          && !text
          && shape.rank() > 0
          && shape.dim(0) == 1
          && two.get(i).equals(shape.withDim(0, 2))) {
        shapes[i] = shape;
      }
    }
    return shapes;
  }

  /** The shapes of all outputs of a run of zeros. */
  private static List<Shape> run(CpuBackend backend, ShapeKey key, int rows)
      throws BackendException {
    OrtSession session = backend.session();
    List<InputMemory> inputs = new ArrayList<>();
    List<OrtValue> outputs = List.of();
    try (OrtBinding binding = session.newBinding()) {
      for (int i = 0; i < key.inputs().size(); i++) {
        TensorSpec spec = backend.signature().inputs().get(i);
        InputMemory input =
            InputMemory.allocate(spec, key.inputs().get(i), backend.batched(), rows);
        inputs.add(input);
        input.bind(binding, i, rows);
      }
      for (int i = 0; i < session.outputs().size(); i++) {
        binding.bindOutputToCpu(i);
      }
      binding.run();
      outputs = binding.outputs();
      return outputs.stream().map(value -> shape(value.info())).toList();
    } finally {
      outputs.forEach(OrtValue::close);
      inputs.forEach(InputMemory::close);
    }
  }

  /** The shape that a value has. */
  static Shape shape(OrtValueInfo info) {
    return Shape.of(info.dims().stream().mapToLong(dim -> dim).toArray());
  }
}
