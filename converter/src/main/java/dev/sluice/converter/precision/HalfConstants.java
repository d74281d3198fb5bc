package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.NewWeights;
import dev.sluice.converter.graph.Reals;
import dev.sluice.converter.onnx.OnnxModel;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import dev.sluice.engine.Shape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The FLOAT constants of a graph, and what of them a type of 16 bits can't hold. Each is read once.
 *
 * <p>Thread safety: used by one thread.
 */
final class HalfConstants {
  private static final int SCALE_BITS = 8;

  /** Codes of INT8 have this magnitude at most. */
  private static final int MAX_CODE = 128;

  private final Graph graph;
  private final NewWeights weights;
  private final HalfFormat format;
  private final Map<String, Double> largest = new HashMap<>();

  HalfConstants(Graph graph, NewWeights weights, HalfFormat format) {
    this.graph = graph;
    this.weights = weights;
    this.format = format;
  }

  /** Whether a value is a tensor of FLOAT. */
  boolean isFloat(String value) {
    OnnxModel.Value type = graph.type(value);
    return type != null && type.type() == ElementType.FLOAT;
  }

  /** Whether a value is a constant of one real number, and this one. */
  boolean is(String value, double number) {
    TensorProto tensor = graph.constant(value);
    if (tensor == null || !isFloat(value) || shape(tensor).elementCount() != 1) {
      return false;
    }
    return Reals.get(ElementType.FLOAT, bytes(tensor), 0) == number;
  }

  /**
   * What is wrong with a FLOAT constant in the type; null where nothing is.
   *
   * @return the end of a sentence that begins with "takes"
   */
  String problem(String value) {
    TensorProto tensor = graph.constant(value);
    return problem("the constant '" + value + "'", largest(value, tensor));
  }

  /** What is wrong with a tensor, as {@link #problem(String)}. */
  String problem(String what, TensorProto tensor) {
    return problem(what, largest(tensor));
  }

  private String problem(String what, double largest) {
    if (format.overflows(largest)) {
      return String.format(
          Locale.ROOT,
          "%s, which holds %g, past %s's largest, %g",
          what,
          largest,
          format,
          format.max());
    }
    if (format.vanishes(largest)) {
      return String.format(
          Locale.ROOT, "%s, which holds at most %g, and that is 0 in %s", what, largest, format);
    }
    return null;
  }

  /**
   * What is wrong with the scale of a quantization in the type, as {@link #problem(String)}: each
   * of its numbers counts, and to {@value #SCALE_BITS} bits, with which the 127th step is off by
   * half of one at most.
   */
  String scaleProblem(String value) {
    TensorProto tensor = graph.constant(value);
    MemorySegment bytes = bytes(tensor);
    double least = Double.POSITIVE_INFINITY;
    for (long i = 0, count = shape(tensor).elementCount(); i < count; i++) {
      double number = Math.abs(Reals.get(ElementType.FLOAT, bytes, i));
      least = number > 0 ? Math.min(least, number) : least;
    }
    return least < Math.scalb(format.min(), SCALE_BITS - 1)
        ? String.format(
            Locale.ROOT,
            "the scale '%s', which holds %g, too small for %d bits of it in %s",
            value,
            least,
            SCALE_BITS,
            format)
        : problem(value);
  }

  /**
   * What is wrong with the scale of a DequantizeLinear in the type, as {@link #problem(String)}:
   * its largest number must be one of the type, too.
   */
  String stepProblem(String value) {
    return stepsOverflow(value)
        ? String.format(
            Locale.ROOT,
            "the scale '%s', %d steps of which are %g, past %s's largest, %g",
            value,
            MAX_CODE,
            MAX_CODE * largest(value, graph.constant(value)),
            format,
            format.max())
        : scaleProblem(value);
  }

  /** Whether what is dequantized by a scale may become infinite in the type. */
  boolean stepsOverflow(String scale) {
    return format.overflows(MAX_CODE * largest(scale, graph.constant(scale)));
  }

  /** Whether a FLOAT constant holds what becomes infinite in the type. */
  boolean overflows(String value) {
    return format.overflows(largest(value, graph.constant(value)));
  }

  private double largest(String value, TensorProto tensor) {
    return largest.computeIfAbsent(value, _ -> largest(tensor));
  }

  /** The largest finite magnitude. */
  private double largest(TensorProto tensor) {
    MemorySegment bytes = bytes(tensor);
    double most = 0;
    for (long i = 0, count = shape(tensor).elementCount(); i < count; i++) {
      double number = Math.abs(Reals.get(ElementType.FLOAT, bytes, i));
      if (number > most && number != Double.POSITIVE_INFINITY) {
        most = number;
      }
    }
    return most;
  }

  private static Shape shape(TensorProto tensor) {
    return Shape.of(tensor.getDimsList().stream().mapToLong(Long::longValue).toArray());
  }

  private MemorySegment bytes(TensorProto tensor) {
    try {
      return weights.bytes(tensor);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
