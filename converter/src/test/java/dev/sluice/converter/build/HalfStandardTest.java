package dev.sluice.converter.build;

import static dev.sluice.bindings.ElementType.BFLOAT16;
import static dev.sluice.bindings.ElementType.FLOAT;
import static dev.sluice.bindings.ElementType.FLOAT16;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.Reals;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.precision.HalfEmulation;
import dev.sluice.converter.precision.HalfPrecision;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The graphs of the ONNX standard's backend tests in 16 bits: ONNX Runtime loads what comes out,
 * and its emulation gives what the graph in FLOAT gives, as far as the type goes.
 */
class HalfStandardTest {
  /** Results may be off by as many steps of the type, of the largest of them. */
  private static final int STEPS = 4;

  private static final boolean ALL = Integer.getInteger("sluice.effort", 1) > 1;

  /** What 16 bits can't tell, by the beginning of the case's name. */
  private static final Map<String, String> EXCEPTIONS =
      Map.of(
          "test_softmax_large_number", "takes 10000 to 10003",
          "test_logsoftmax_large_number", "takes 10000 to 10003",
          "test_tan", "is evaluated next to a pole",
          "test_bernoulli", "is random",
          "test_cast", "has no tolerance where it casts to DOUBLE, FLOAT16 or STRING",
          "test_reduce_prod_default", "gives 12!",
          "test_dynamicquantizelinear", "rounds to whole numbers");

  @TempDir private Path folder;

  /** What is wrong in a case; null where nothing is. */
  private String problem(StandardCase each, ElementType type, boolean lowIo) throws IOException {
    TypedModel model;
    List<PlainTensor> inputs;
    List<PlainTensor> expected;
    try {
      model = TypedModel.read(each.folder().resolve("model.onnx"), folder);
      List<OnnxModel.Value> declared =
          model.graph().inputs().stream().map(model.graph()::type).toList();
      if (declared.contains(null)
          || declared.stream().noneMatch(value -> value.type() == FLOAT)
          || model.graph().opset() < (type == FLOAT16 ? 6 : 13)) {
        return null;
      }
      inputs = StandardCase.read(each.folder().resolve("test_data_set_0"), "input_", declared);
      expected = model.run(model.graph(), inputs);
    } catch (ModelException | NativeException | UnsupportedOperationException e) {
      return null; // ONNX Runtime alone does not pass it either.
    }
    Graph typed =
        new HalfPrecision(type, Set.of(), lowIo).apply(model.graph(), model.weights()).graph();
    List<PlainTensor> low = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      ElementType wanted = typed.type(typed.inputs().get(i)).type();
      low.add(inputs.get(i).type() == wanted ? inputs.get(i) : rounded(inputs.get(i), wanted));
    }
    if (type == FLOAT16) {
      model.run(typed, low);
    } else {
      // Graph.of asks by FLOAT16; that BFLOAT16 is allowed too is ONNX Runtime's to say.
      try {
        model.run(typed, low);
      } catch (NativeException e) {
        if (!e.statusName().equals("ORT_NOT_IMPLEMENTED")) {
          return e.getMessage();
        }
      }
    }
    List<PlainTensor> actual = model.run(HalfEmulation.of(typed, model.weights()), low);
    for (int i = 0; i < expected.size(); i++) {
      String wrong = difference(expected.get(i), actual.get(i), type);
      if (wrong != null) {
        return "output " + i + " " + wrong;
      }
    }
    return null;
  }

  private static PlainTensor rounded(PlainTensor tensor, ElementType type) {
    long elements = tensor.shape().elementCount();
    MemorySegment data = MemorySegment.ofArray(new byte[(int) type.byteSize(elements)]);
    for (long i = 0; i < elements; i++) {
      Reals.set(type, data, i, Reals.get(tensor.type(), tensor.data(), i));
    }
    return PlainTensor.of(type, tensor.shape(), data);
  }

  private static String difference(PlainTensor expected, PlainTensor actual, ElementType type) {
    if (expected.type() != FLOAT) {
      return actual.difference(expected, 0, 0);
    }
    long elements = expected.shape().elementCount();
    double largest = 0;
    for (long i = 0; i < elements; i++) {
      double number = Math.abs(Reals.get(FLOAT, expected.data(), i));
      largest = Double.isFinite(number) ? Math.max(largest, number) : largest;
    }
    double most = STEPS * Math.scalb(largest, type == FLOAT16 ? -11 : -8);
    for (long i = 0; i < elements; i++) {
      double e = Reals.get(FLOAT, expected.data(), i);
      double a = Reals.get(actual.type(), actual.data(), i);
      boolean close = Double.isFinite(e) ? Math.abs(a - e) <= most : Double.compare(a, e) == 0;
      if (!close) {
        return "has " + a + " at " + i + ", not " + e;
      }
    }
    return null;
  }

  @Test
  void theStandardsGraphsComputeInHalf() throws Exception {
    List<StandardCase> cases = OnnxStandardTest.cases(OnnxStandardTest.data());
    Map<String, String> problems = new TreeMap<>();
    for (int i = 0; i < cases.size(); i++) {
      StandardCase each = cases.get(i);
      if (EXCEPTIONS.keySet().stream().anyMatch(each.name()::startsWith)) {
        continue;
      }
      // Each in one of four ways, in turn; all four with more effort.
      for (int way = ALL ? 0 : i % 4; way < 4; way += ALL ? 1 : 4) {
        ElementType type = way < 2 ? FLOAT16 : BFLOAT16;
        String problem;
        try {
          problem = problem(each, type, way % 2 == 1);
        } catch (NativeException | UnsupportedOperationException e) {
          problem = e.toString();
        }
        if (problem != null) {
          problems.put(each.name() + " " + type + (way % 2 == 1 ? " low" : ""), problem);
        }
      }
    }
    assertThat(problems).isEmpty();
  }

  @Test
  void aStepTooManyIsAProblem() {
    PlainTensor two = OperatorCase.floats(Shape.of(2), 2, 1);
    PlainTensor near = OperatorCase.floats(Shape.of(2), 2, 1.0039f);
    PlainTensor far = OperatorCase.floats(Shape.of(2), 2, 1.004f);
    assertThat(difference(two, near, FLOAT16)).isNull();
    assertThat(difference(two, far, FLOAT16)).startsWith("has 1.00399994");
    assertThat(difference(two, far, BFLOAT16)).isNull();
  }
}
