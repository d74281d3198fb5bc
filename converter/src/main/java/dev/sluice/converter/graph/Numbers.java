package dev.sluice.converter.graph;

import com.google.protobuf.ByteString;
import dev.sluice.bindings.ElementType;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Constants of whole numbers: shapes, axes and the like.
 *
 * <p>Thread safety: stateless.
 */
public final class Numbers {
  private Numbers() {}

  /** A vector of int64. */
  static TensorProto vector(String name, long... values) {
    return tensor(name, List.of((long) values.length), values);
  }

  /** A tensor of int64 in raw form. */
  static TensorProto tensor(String name, List<Long> dims, long... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      bytes.putLong(value);
    }
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(ElementType.INT64.code())
        .addAllDims(dims)
        .setRawData(ByteString.copyFrom(bytes.flip()))
        .build();
  }

  /**
   * The elements of a tensor of int64 or int32; null for another type, or where they lie in a file.
   */
  public static long[] read(TensorProto tensor) {
    boolean wide = tensor.getDataType() == ElementType.INT64.code();
    boolean elsewhere = tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL;
    if (elsewhere || (!wide && tensor.getDataType() != ElementType.INT32.code())) {
      return null;
    }
    if (!tensor.hasRawData()) {
      return wide
          ? tensor.getInt64DataList().stream().mapToLong(Long::longValue).toArray()
          : tensor.getInt32DataList().stream().mapToLong(Integer::longValue).toArray();
    }
    ByteBuffer bytes = tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    long[] values = new long[bytes.remaining() / (wide ? Long.BYTES : Integer.BYTES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = wide ? bytes.getLong() : bytes.getInt();
    }
    return values;
  }
}
