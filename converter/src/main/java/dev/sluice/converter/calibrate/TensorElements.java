package dev.sluice.converter.calibrate;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.graph.Reals;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Elements of tensors of any number type as doubles.
 *
 * <p>Thread safety: stateless.
 */
public final class TensorElements {
  private static final ValueLayout.OfShort I16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private TensorElements() {}

  /** Element {@code i} of a numeric tensor. */
  public static double value(ElementType type, MemorySegment data, long i) {
    return switch (type) {
      case FLOAT, DOUBLE, FLOAT16, BFLOAT16 -> Reals.get(type, data, i);
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
}
