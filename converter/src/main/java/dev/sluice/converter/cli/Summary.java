package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.TensorElements;
import java.util.Locale;
import java.util.StringJoiner;

/**
 * A tensor's values in a line: range, mean and the first few.
 *
 * <p>Thread safety: stateless.
 */
final class Summary {
  private static final int FIRST = 6;

  private Summary() {}

  /** The line, without name and shape. */
  static String of(Tensor tensor) {
    if (tensor.strings() != null) {
      return tensor.strings().stream().limit(FIRST).map(s -> "'" + s + "'").toList()
          + (tensor.strings().size() > FIRST ? " …" : "");
    }
    long count = tensor.shape().elementCount();
    if (count == 0) {
      return "no elements";
    }
    if (!isNumeric(tensor.type())) {
      return count + " elements";
    }
    double min = Double.POSITIVE_INFINITY;
    double max = Double.NEGATIVE_INFINITY;
    double sum = 0;
    long notFinite = 0;
    for (long i = 0; i < count; i++) {
      double value = TensorElements.value(tensor.type(), tensor.data(), i);
      if (Double.isFinite(value)) {
        min = Math.min(min, value);
        max = Math.max(max, value);
        sum += value;
      } else {
        notFinite++;
      }
    }
    StringJoiner first = new StringJoiner(" ");
    for (long i = 0; i < Math.min(FIRST, count); i++) {
      first.add(number(TensorElements.value(tensor.type(), tensor.data(), i)));
    }
    String range =
        notFinite == count
            ? "nothing finite"
            : "min "
                + number(min)
                + ", max "
                + number(max)
                + ", mean "
                + number(sum / (count - notFinite));
    return range
        + (notFinite == 0 ? "" : ", " + notFinite + " not finite")
        + "; "
        + first
        + (count > FIRST ? " …" : "");
  }

  private static boolean isNumeric(ElementType type) {
    return switch (type) {
      case FLOAT, DOUBLE, FLOAT16, BFLOAT16, BOOL -> true;
      case INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64 -> true;
      default -> false;
    };
  }

  private static String number(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e15
        ? String.format(Locale.ROOT, "%.0f", value)
        : String.format(Locale.ROOT, "%.5g", value);
  }
}
