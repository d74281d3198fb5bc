package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.StringJoiner;

/**
 * A tensor's values in a line: range, mean and the first few.
 *
 * <p>Thread safety: stateless.
 */
final class Summary {
  private static final int FIRST = 6;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);
  private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LE);
  private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LE);
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LE);
  private static final ValueLayout.OfDouble F64 = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LE);

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
      double value = value(tensor.type(), tensor.data(), i);
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
      first.add(number(value(tensor.type(), tensor.data(), i)));
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

  /** Element {@code i} of a numeric tensor. */
  static double value(ElementType type, MemorySegment data, long i) {
    return switch (type) {
      case FLOAT -> data.get(F32, i * 4);
      case DOUBLE -> data.get(F64, i * 8);
      case FLOAT16 -> Float.float16ToFloat(data.get(I16, i * 2));
      case BFLOAT16 -> Float.intBitsToFloat(data.get(I16, i * 2) << 16);
      case INT8 -> data.get(ValueLayout.JAVA_BYTE, i);
      case INT16 -> data.get(I16, i * 2);
      case UINT16 -> Short.toUnsignedInt(data.get(I16, i * 2));
      case INT32 -> data.get(I32, i * 4);
      case UINT32 -> Integer.toUnsignedLong(data.get(I32, i * 4));
      case INT64 -> data.get(I64, i * 8);
      case UINT64 -> unsigned(data.get(I64, i * 8));
      default -> Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, i));
    };
  }

  private static double unsigned(long value) {
    return value >= 0 ? value : (value >>> 1) * 2.0;
  }

  private static String number(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e15
        ? String.format(Locale.ROOT, "%.0f", value)
        : String.format(Locale.ROOT, "%.5g", value);
  }
}
