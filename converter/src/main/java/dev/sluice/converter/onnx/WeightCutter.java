package dev.sluice.converter.onnx;

import com.google.protobuf.WireFormat;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.GraphProto;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.converter.onnx.proto.Onnx.StringStringEntryProto;
import dev.sluice.converter.onnx.proto.Onnx.TensorProto;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Takes the bytes of large tensors out of an ONNX file before it is parsed, so that they never
 * reach the heap: what is left is a model whose tensors refer to the places in the file where they
 * lie, as external data does. Initializers of the main graph and its Constant nodes are cut;
 * tensors elsewhere (subgraphs, functions, other attributes) stay.
 *
 * <p>Cut are {@code raw_data}, and {@code float_data} and {@code double_data} in their packed form,
 * which on the wire has the same bytes. A tensor that has such data twice, or a reference already,
 * stays as it is. Only the tags and lengths of the file are looked at, as the encoding of protocol
 * buffers has them (protobuf.dev/programming-guides/encoding).
 *
 * <p>Thread safety: used by one thread.
 */
final class WeightCutter {
  /** A field of a message: its number and type, its first byte, its value, and where it ends. */
  private record Field(int number, int wireType, long start, long value, long end) {
    boolean is(int other) {
      return number == other && wireType == WireFormat.WIRETYPE_LENGTH_DELIMITED;
    }

    long sizeBytes() {
      return end - value;
    }
  }

  /** The file is no such message, from a byte on. */
  static final class MalformedException extends Exception {
    private static final long serialVersionUID = 1;

    private final long position;

    MalformedException(long position) {
      super("malformed at byte " + position);
      this.position = position;
    }

    long position() {
      return position;
    }
  }

  /** A message of which parts are replaced. */
  @FunctionalInterface
  private interface Part {
    /** The new value of a field, or null where it stays. */
    byte[] replaced(Field field) throws MalformedException;
  }

  private static final int MAX_VARINT_BYTES = 10;

  /** What an array surely holds. */
  private static final long MAX_ARRAY_BYTES = Integer.MAX_VALUE - 64;

  private final MemorySegment file;
  private final long minBytes;
  private final String location;

  private WeightCutter(MemorySegment file, long minBytes, String location) {
    this.file = file;
    this.minBytes = minBytes;
    this.location = location;
  }

  /**
   * Cuts.
   *
   * @param file a whole ONNX file
   * @param minBytes tensors of at least this size are cut
   * @param location what references call the file
   * @return the bytes of a model
   * @throws MalformedException when the file is no message
   * @throws OutOfMemoryError when what is left does not fit the heap
   */
  static byte[] cut(MemorySegment file, long minBytes, String location) throws MalformedException {
    WeightCutter cutter = new WeightCutter(file, minBytes, location);
    return cutter.message(
        0,
        file.byteSize(),
        field -> field.is(ModelProto.GRAPH_FIELD_NUMBER) ? cutter.graph(field) : null);
  }

  private byte[] graph(Field graph) throws MalformedException {
    return message(
        graph.value(),
        graph.end(),
        field ->
            switch (field.sizeBytes() < minBytes ? 0 : field.number()) {
              case GraphProto.INITIALIZER_FIELD_NUMBER -> tensor(field);
              case GraphProto.NODE_FIELD_NUMBER -> isConstant(field) ? constant(field) : null;
              default -> null;
            });
  }

  private boolean isConstant(Field node) throws MalformedException {
    String operator = "";
    String domain = "";
    long at = node.value();
    while (node.wireType() == WireFormat.WIRETYPE_LENGTH_DELIMITED && at < node.end()) {
      Field field = next(at, node.end());
      if (field.is(NodeProto.OP_TYPE_FIELD_NUMBER)) {
        operator = text(field);
      } else if (field.is(NodeProto.DOMAIN_FIELD_NUMBER)) {
        domain = text(field);
      }
      at = field.end();
    }
    return operator.equals("Constant") && (domain.isEmpty() || domain.equals("ai.onnx"));
  }

  /** A name; those that are looked for are short. */
  private String text(Field field) {
    long sizeBytes = Math.min(field.sizeBytes(), 16);
    byte[] bytes = file.asSlice(field.value(), sizeBytes).toArray(ValueLayout.JAVA_BYTE);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private byte[] constant(Field node) throws MalformedException {
    return message(
        node.value(),
        node.end(),
        attribute ->
            !attribute.is(NodeProto.ATTRIBUTE_FIELD_NUMBER)
                ? null
                : message(
                    attribute.value(),
                    attribute.end(),
                    field ->
                        field.is(AttributeProto.T_FIELD_NUMBER) && field.sizeBytes() >= minBytes
                            ? tensor(field)
                            : null));
  }

  /** The tensor with a reference instead of its data; null where it has none that can be cut. */
  private byte[] tensor(Field tensor) throws MalformedException {
    if (tensor.wireType() != WireFormat.WIRETYPE_LENGTH_DELIMITED) {
      return null;
    }
    int dataType = 0;
    Field data = null;
    long at = tensor.value();
    while (at < tensor.end()) {
      Field field = next(at, tensor.end());
      switch (field.number()) {
        case TensorProto.DATA_TYPE_FIELD_NUMBER -> dataType = (int) varint(field);
        case TensorProto.EXTERNAL_DATA_FIELD_NUMBER, TensorProto.DATA_LOCATION_FIELD_NUMBER -> {
          return null;
        }
        case TensorProto.RAW_DATA_FIELD_NUMBER,
            TensorProto.FLOAT_DATA_FIELD_NUMBER,
            TensorProto.DOUBLE_DATA_FIELD_NUMBER -> {
          if (data != null || field.wireType() != WireFormat.WIRETYPE_LENGTH_DELIMITED) {
            return null;
          }
          data = field;
        }
        default -> {}
      }
      at = field.end();
    }
    if (data == null || data.sizeBytes() < minBytes || !isRaw(data.number(), dataType)) {
      return null;
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    copy(tensor.value(), data.start(), out);
    copy(data.end(), tensor.end(), out);
    out.writeBytes(reference(data));
    return out.toByteArray();
  }

  /** Whether the bytes of a field are those of the elements. */
  private static boolean isRaw(int field, int dataType) {
    return switch (field) {
      case TensorProto.FLOAT_DATA_FIELD_NUMBER -> dataType == TensorProto.DataType.FLOAT_VALUE;
      case TensorProto.DOUBLE_DATA_FIELD_NUMBER -> dataType == TensorProto.DataType.DOUBLE_VALUE;
      default -> true;
    };
  }

  private byte[] reference(Field data) {
    return TensorProto.newBuilder()
        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
        .addExternalData(entry("location", location))
        .addExternalData(entry("offset", Long.toString(data.value())))
        .addExternalData(entry("length", Long.toString(data.sizeBytes())))
        .build()
        .toByteArray();
  }

  private static StringStringEntryProto.Builder entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value);
  }

  /** The message between two bytes, with parts of it replaced. */
  private byte[] message(long start, long end, Part part) throws MalformedException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    long copied = start;
    long at = start;
    while (at < end) {
      Field field = next(at, end);
      byte[] replacement = part.replaced(field);
      if (replacement != null) {
        copy(copied, field.start(), out);
        copied = field.end();
        writeVarint(field.number() << 3 | field.wireType(), out);
        writeVarint(replacement.length, out);
        out.writeBytes(replacement);
      }
      at = field.end();
    }
    copy(copied, end, out);
    return out.toByteArray();
  }

  private void copy(long start, long end, ByteArrayOutputStream out) {
    if (end - start > MAX_ARRAY_BYTES) {
      throw new OutOfMemoryError((end - start) + " bytes of a model that are no weights");
    }
    out.writeBytes(file.asSlice(start, end - start).toArray(ValueLayout.JAVA_BYTE));
  }

  private static void writeVarint(int value, ByteArrayOutputStream out) {
    int left = value;
    while ((left & ~0x7f) != 0) {
      out.write((left & 0x7f) | 0x80);
      left >>>= 7;
    }
    out.write(left);
  }

  private Field next(long start, long end) throws MalformedException {
    long tag = varint(start, end);
    long value = start + length(start);
    int number = (int) (tag >>> 3);
    int wireType = (int) (tag & 7);
    if (tag >>> 32 != 0 || number == 0) {
      throw new MalformedException(start);
    }
    long sizeBytes =
        switch (wireType) {
          case WireFormat.WIRETYPE_VARINT -> {
            varint(value, end);
            yield length(value);
          }
          case WireFormat.WIRETYPE_FIXED64 -> 8;
          case WireFormat.WIRETYPE_FIXED32 -> 4;
          case WireFormat.WIRETYPE_LENGTH_DELIMITED -> {
            long announced = varint(value, end);
            value += length(value);
            yield announced;
          }
          // Groups, which ONNX never had.
          default -> throw new MalformedException(start);
        };
    if (sizeBytes < 0 || sizeBytes > end - value) {
      throw new MalformedException(start);
    }
    return new Field(number, wireType, start, value, value + sizeBytes);
  }

  private long varint(Field field) throws MalformedException {
    return field.wireType() == WireFormat.WIRETYPE_VARINT ? varint(field.value(), field.end()) : 0;
  }

  private long varint(long start, long end) throws MalformedException {
    long result = 0;
    for (int i = 0; i < MAX_VARINT_BYTES && start + i < end; i++) {
      byte b = file.get(ValueLayout.JAVA_BYTE, start + i);
      result |= (long) (b & 0x7f) << (7 * i);
      if (b >= 0) {
        return result;
      }
    }
    throw new MalformedException(start);
  }

  /** Bytes of a varint that was read already. */
  private long length(long start) {
    long length = 1;
    while (file.get(ValueLayout.JAVA_BYTE, start + length - 1) < 0) {
      length++;
    }
    return length;
  }
}
