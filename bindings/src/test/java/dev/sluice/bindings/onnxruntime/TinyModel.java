package dev.sluice.bindings.onnxruntime;

import dev.sluice.bindings.ElementType;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Writes small ONNX models for tests, with the field numbers of the standard's {@code onnx.proto}.
 *
 * <p>Dimensions are given as {@link Number}s, or as names for dynamic ones.
 *
 * <p>Thread safety: none.
 */
public final class TinyModel {
  private static final int OPSET = 21;
  private static final int IR_VERSION = 10;

  private final Message graph = new Message().text(2, "tiny");

  /** Declares an input. */
  public TinyModel input(String name, ElementType type, Object... dims) {
    graph.message(11, valueInfo(name, tensorType(type, dims)));
    return this;
  }

  /** Declares an output. */
  public TinyModel output(String name, ElementType type, Object... dims) {
    graph.message(12, valueInfo(name, tensorType(type, dims)));
    return this;
  }

  /** Declares an output that is a sequence of tensors of any shape. */
  public TinyModel sequenceOutput(String name, ElementType type) {
    Message tensor = new Message().message(1, new Message().number(1, type.code()));
    graph.message(12, valueInfo(name, new Message().message(4, new Message().message(1, tensor))));
    return this;
  }

  /** Declares an output whose rank is not told. */
  public TinyModel shapelessOutput(String name, ElementType type) {
    Message tensor = new Message().message(1, new Message().number(1, type.code()));
    graph.message(12, valueInfo(name, tensor));
    return this;
  }

  /** Adds a node; inputs and outputs are names with blanks between. */
  public TinyModel node(String op, String inputs, String outputs) {
    return node(op, inputs, outputs, "", 0);
  }

  /** Adds a node with an integer attribute. */
  public TinyModel node(
      String op, String inputs, String outputs, String attribute, long attributeValue) {
    Message node = new Message();
    for (String input : inputs.isEmpty() ? new String[0] : inputs.split(" ", -1)) {
      node.text(1, input);
    }
    for (String output : outputs.split(" ", -1)) {
      node.text(2, output);
    }
    node.text(3, op + "_" + outputs.replace(' ', '_')).text(4, op);
    if (!attribute.isEmpty()) {
      node.message(
          5, new Message().text(1, attribute).number(3, attributeValue).number(20, /* INT */ 2));
    }
    graph.message(1, node);
    return this;
  }

  /** Adds weights inside the model. */
  public TinyModel weights(String name, float[] values, long... dims) {
    graph.message(5, tensor(name, ElementType.FLOAT, dims).bytes(9, bytes(values)));
    return this;
  }

  /** Adds integer weights inside the model. */
  public TinyModel weights(String name, long[] values, long... dims) {
    ByteBuffer raw = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
    raw.asLongBuffer().put(values);
    graph.message(5, tensor(name, ElementType.INT64, dims).bytes(9, raw.array()));
    return this;
  }

  /** Adds weights that lie in another file. */
  public TinyModel externalWeights(
      String name, String location, long offset, long length, long... dims) {
    graph.message(
        5,
        tensor(name, ElementType.FLOAT, dims)
            .message(13, new Message().text(1, "location").text(2, location))
            .message(13, new Message().text(1, "offset").text(2, Long.toString(offset)))
            .message(13, new Message().text(1, "length").text(2, Long.toString(length)))
            .number(14, /* EXTERNAL */ 1));
    return this;
  }

  /** The model's bytes. */
  public MemorySegment build() {
    Message model =
        new Message()
            .number(1, IR_VERSION)
            .text(2, "sluice tests")
            .message(7, graph)
            .message(8, new Message().text(1, "").number(2, OPSET));
    return MemorySegment.ofArray(model.out.toByteArray());
  }

  /** One input {@code x} of this type and shape, copied to the output {@code y}. */
  public static MemorySegment identity(ElementType type, Object... dims) {
    TinyModel model = new TinyModel().input("x", type, dims).output("y", type, dims);
    if (type.bits() == 4) {
      // ONNX Runtime has no Identity for 4-bit types.
      return model
          .node("Cast", "x", "wide", "to", ElementType.INT32.code())
          .node("Cast", "wide", "y", "to", type.code())
          .build();
    }
    return model.node("Identity", "x", "y").build();
  }

  /** {@code values} as little-endian bytes. */
  public static byte[] bytes(float... values) {
    ByteBuffer raw = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    raw.asFloatBuffer().put(values);
    return raw.array();
  }

  private static Message tensor(String name, ElementType type, long... dims) {
    Message tensor = new Message();
    for (long dim : dims) {
      tensor.number(1, dim);
    }
    return tensor.number(2, type.code()).text(8, name);
  }

  private static Message valueInfo(String name, Message type) {
    return new Message().text(1, name).message(2, type);
  }

  private static Message tensorType(ElementType type, Object... dims) {
    Message shape = new Message();
    for (Object dim : dims) {
      shape.message(
          1,
          dim instanceof Number number
              ? new Message().number(1, number.longValue())
              : new Message().text(2, (String) dim));
    }
    return new Message().message(1, new Message().number(1, type.code()).message(2, shape));
  }

  /** A protocol buffer message: fields one after the other. */
  private static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Message number(int field, long value) {
      varint(field << 3L);
      varint(value);
      return this;
    }

    Message text(int field, String value) {
      return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    Message message(int field, Message value) {
      return bytes(field, value.out.toByteArray());
    }

    Message bytes(int field, byte[] value) {
      varint((field << 3L) | 2);
      varint(value.length);
      out.writeBytes(value);
      return this;
    }

    private void varint(long value) {
      long rest = value;
      while ((rest & ~0x7fL) != 0) {
        out.write((int) (rest & 0x7f) | 0x80);
        rest >>>= 7;
      }
      out.write((int) rest);
    }
  }
}
