package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi.Initializer;
import dev.sluice.engine.format.PackageException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the initializers of an ONNX model whose data lies outside of it, by reading just enough of
 * the protobuf form; field numbers are those of onnx.proto. Graphs inside of nodes are not looked
 * into: packages move nothing out of them.
 *
 * <p>Thread safety: used by one thread.
 */
final class OnnxWeights {
  private static final int MODEL_GRAPH = 7;
  private static final int GRAPH_INITIALIZER = 5;
  private static final int TENSOR_NAME = 8;
  private static final int TENSOR_EXTERNAL_DATA = 13;
  private static final int TENSOR_DATA_LOCATION = 14;
  private static final int ENTRY_KEY = 1;
  private static final int ENTRY_VALUE = 2;
  private static final int EXTERNAL = 1;

  private static final int VARINT = 0;
  private static final int FIXED_64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED_32 = 5;
  private static final int LONGEST_VARINT = 10;

  private final MemorySegment model;
  private final MemorySegment file;
  private final String where;
  private final List<Initializer> found = new ArrayList<>();

  private OnnxWeights(MemorySegment model, MemorySegment file, String where) {
    this.model = model;
    this.file = file;
    this.where = where;
  }

  /**
   * What is done with a field; {@code value} is a number, or the length of what is at {@code at}.
   */
  private interface Field {
    void take(int number, int type, long at, long value) throws PackageException;
  }

  /**
   * Finds them.
   *
   * @param model a serialized {@code ModelProto}
   * @param file what its external offsets count in
   * @param where for messages
   * @return their data as slices of the file
   */
  static List<Initializer> find(MemorySegment model, MemorySegment file, String where)
      throws PackageException {
    OnnxWeights weights = new OnnxWeights(model, file, where);
    weights.fields(
        0,
        model.byteSize(),
        (number, type, at, value) -> {
          if (number == MODEL_GRAPH && type == BYTES) {
            weights.graph(at, value);
          }
        });
    return List.copyOf(weights.found);
  }

  private void graph(long start, long size) throws PackageException {
    fields(
        start,
        size,
        (number, type, at, value) -> {
          if (number == GRAPH_INITIALIZER && type == BYTES) {
            tensor(at, value);
          }
        });
  }

  private void tensor(long start, long size) throws PackageException {
    String[] name = {""};
    long[] external = {0, 0, -1};
    fields(
        start,
        size,
        (number, type, at, value) -> {
          if (number == TENSOR_NAME && type == BYTES) {
            name[0] = text(at, value);
          } else if (number == TENSOR_DATA_LOCATION && type == VARINT) {
            external[0] = value;
          } else if (number == TENSOR_EXTERNAL_DATA && type == BYTES) {
            entry(at, value, external);
          }
        });
    if (external[0] != EXTERNAL) {
      return;
    }
    long offset = external[1];
    long length = external[2];
    if (offset < 0 || length < 0 || length > file.byteSize() - offset) {
      throw damaged(start, "initializer '" + name[0] + "' lies outside of the file");
    }
    found.add(new Initializer(name[0], file.asSlice(offset, length)));
  }

  private void entry(long start, long size, long[] external) throws PackageException {
    String[] texts = {"", ""};
    fields(
        start,
        size,
        (number, type, at, value) -> {
          if (type == BYTES && (number == ENTRY_KEY || number == ENTRY_VALUE)) {
            texts[number - ENTRY_KEY] = text(at, value);
          }
        });
    int slot = texts[0].equals("offset") ? 1 : texts[0].equals("length") ? 2 : 0;
    if (slot > 0) {
      try {
        external[slot] = Long.parseLong(texts[1]);
      } catch (NumberFormatException e) {
        throw damaged(start, "'" + texts[1] + "' is no " + texts[0]);
      }
    }
  }

  /** Goes through the fields of a message. */
  private void fields(long start, long size, Field field) throws PackageException {
    long end = start + size;
    long[] cursor = {start};
    while (cursor[0] < end) {
      long tag = varint(cursor, end);
      int type = (int) (tag & 7);
      long value = 0;
      long skipped =
          switch (type) {
            case VARINT -> {
              value = varint(cursor, end);
              yield 0;
            }
            case FIXED_64 -> Long.BYTES;
            case BYTES -> {
              value = varint(cursor, end);
              yield value;
            }
            case FIXED_32 -> Integer.BYTES;
            default -> throw damaged(cursor[0], "wire type " + type + " is none of ONNX's");
          };
      if (skipped < 0 || skipped > end - cursor[0]) {
        throw damaged(cursor[0], "a field ends behind its message");
      }
      field.take((int) (tag >>> 3), type, cursor[0], value);
      cursor[0] += skipped;
    }
  }

  private long varint(long[] cursor, long end) throws PackageException {
    long value = 0;
    for (int i = 0; i < LONGEST_VARINT && cursor[0] < end; i++) {
      byte part = model.get(ValueLayout.JAVA_BYTE, cursor[0]++);
      value |= (part & 0x7FL) << (7 * i);
      if (part >= 0) {
        return value;
      }
    }
    throw damaged(cursor[0], "a number does not end");
  }

  private String text(long at, long size) {
    return new String(
        model.asSlice(at, size).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  private PackageException damaged(long at, String problem) {
    return new PackageException(
        where + ": byte " + at + " of the graph: " + problem + "; build the package again");
  }
}
