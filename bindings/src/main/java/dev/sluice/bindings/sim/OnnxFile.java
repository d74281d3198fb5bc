package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.sluice.bindings.ElementType;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What the simulated TensorRT reads of an ONNX file, which is protobuf: the nodes of its graph, and
 * its initializers, which it can take inside. Field numbers are those of onnx.proto. Graphs inside
 * of nodes are not looked into.
 *
 * <p>Thread safety: immutable.
 */
final class OnnxFile {
  private static final int MODEL_GRAPH = 7;
  private static final int GRAPH_NODE = 1;
  private static final int GRAPH_INITIALIZER = 5;
  private static final int GRAPH_OUTPUT = 12;
  private static final int VALUE_NAME = 1;
  private static final int NODE_INPUT = 1;
  private static final int NODE_OUTPUT = 2;
  private static final int NODE_NAME = 3;
  private static final int NODE_OPERATOR = 4;
  private static final int TENSOR_DIMS = 1;
  private static final int TENSOR_TYPE = 2;
  private static final int TENSOR_NAME = 8;
  private static final int TENSOR_RAW_DATA = 9;
  private static final int TENSOR_EXTERNAL_DATA = 13;
  private static final int TENSOR_LOCATION = 14;

  private static final int VARINT = 0;
  private static final int FIXED_64 = 1;
  private static final int LENGTH = 2;
  private static final int FIXED_32 = 5;

  /**
   * A node of the graph.
   *
   * @param index its place in the graph
   * @param name may be empty
   * @param operator such as {@code MatMul}
   * @param inputs tensors, empty where an optional one is left out
   * @param outputs tensors, empty where an optional one is left out
   */
  record Node(int index, String name, String operator, List<String> inputs, List<String> outputs) {
    /** The name, or one that tells it from others. */
    String label() {
      return name.isEmpty() ? operator + "_" + index : name;
    }
  }

  /**
   * An initializer of the graph.
   *
   * @param sizeBytes what its type and its dimensions make
   */
  record Weights(
      String name, ElementType type, List<Long> dims, long sizeBytes, boolean external) {}

  /** A field: where its tag begins, where what it holds begins and ends; a number's value. */
  private record Field(int number, int type, int from, int begin, int end, long value) {}

  private final byte[] bytes;
  private final List<Node> nodes = new ArrayList<>();
  private final Map<String, Weights> weights = new HashMap<>();

  /**
   * Reads a file.
   *
   * @throws IllegalArgumentException where it is none
   */
  OnnxFile(MemorySegment model) {
    bytes = model.toArray(JAVA_BYTE);
    boolean found = false;
    for (Field field : fields(0, bytes.length)) {
      if (field.number == MODEL_GRAPH && field.type == LENGTH) {
        found = true;
        readGraph(field);
      }
    }
    if (!found) {
      throw new IllegalArgumentException("the model has no graph");
    }
  }

  private void readGraph(Field graph) {
    for (Field field : fields(graph.begin, graph.end)) {
      if (field.type != LENGTH) {
        continue;
      }
      if (field.number == GRAPH_NODE) {
        nodes.add(
            new Node(
                nodes.size(),
                text(field, NODE_NAME),
                text(field, NODE_OPERATOR),
                texts(field, NODE_INPUT),
                texts(field, NODE_OUTPUT)));
      } else if (field.number == GRAPH_INITIALIZER) {
        Weights read = weights(field);
        weights.put(read.name, read);
      }
    }
  }

  List<Node> nodes() {
    return nodes;
  }

  /** The graph's initializers by name. */
  Map<String, Weights> weights() {
    return weights;
  }

  private String text(Field message, int number) {
    List<String> all = texts(message, number);
    return all.isEmpty() ? "" : all.getFirst();
  }

  private List<String> texts(Field message, int number) {
    List<String> texts = new ArrayList<>();
    for (Field field : fields(message.begin, message.end)) {
      if (field.number == number && field.type == LENGTH) {
        texts.add(new String(bytes, field.begin, field.end - field.begin, StandardCharsets.UTF_8));
      }
    }
    return List.copyOf(texts);
  }

  private Weights weights(Field tensor) {
    List<Long> dims = new ArrayList<>();
    int code = 0;
    boolean external = false;
    for (Field field : fields(tensor.begin, tensor.end)) {
      switch (field.number) {
        case TENSOR_DIMS -> {
          if (field.type == VARINT) {
            dims.add(field.value);
          } else {
            Cursor packed = new Cursor(field.begin);
            while (packed.at < field.end) {
              dims.add(packed.varint(field.end));
            }
          }
        }
        case TENSOR_TYPE -> code = (int) field.value;
        case TENSOR_LOCATION -> external = field.value == 1;
        default -> {}
      }
    }
    ElementType type = ElementType.ofCode(code);
    long elements = dims.stream().reduce(1L, Math::multiplyExact);
    long sizeBytes = type == ElementType.STRING ? -1 : type.byteSize(elements);
    return new Weights(text(tensor, TENSOR_NAME), type, List.copyOf(dims), sizeBytes, external);
  }

  /**
   * The file with given data in place of what its initializers have, or lack.
   *
   * @param data by the initializer's name
   * @throws IllegalArgumentException where the data of one is of another size, or that of an
   *     external one is missing
   */
  byte[] with(Map<String, MemorySegment> data) {
    List<String> missing =
        weights.values().stream()
            .filter(w -> w.external && !data.containsKey(w.name))
            .map(Weights::name)
            .sorted()
            .toList();
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException("the external initializers " + missing + " have no data");
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length);
    for (Field field : fields(0, bytes.length)) {
      if (field.number == MODEL_GRAPH && field.type == LENGTH) {
        put(out, MODEL_GRAPH, graphWith(field, data));
      } else {
        out.write(bytes, field.from, field.end - field.from);
      }
    }
    return out.toByteArray();
  }

  /**
   * The file with more outputs behind those that it has.
   *
   * @param tensors which are neither inputs nor outputs of the graph
   */
  byte[] withOutputs(List<String> tensors) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length);
    for (Field field : fields(0, bytes.length)) {
      if (field.number != MODEL_GRAPH || field.type != LENGTH) {
        out.write(bytes, field.from, field.end - field.from);
        continue;
      }
      ByteArrayOutputStream graph = new ByteArrayOutputStream();
      graph.write(bytes, field.begin, field.end - field.begin);
      for (String tensor : tensors) {
        ByteArrayOutputStream value = new ByteArrayOutputStream();
        put(value, VALUE_NAME, tensor.getBytes(StandardCharsets.UTF_8));
        put(graph, GRAPH_OUTPUT, value.toByteArray());
      }
      put(out, MODEL_GRAPH, graph.toByteArray());
    }
    return out.toByteArray();
  }

  private byte[] graphWith(Field graph, Map<String, MemorySegment> data) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (Field field : fields(graph.begin, graph.end)) {
      boolean initializer = field.number == GRAPH_INITIALIZER && field.type == LENGTH;
      MemorySegment replacement = initializer ? data.get(text(field, TENSOR_NAME)) : null;
      if (replacement == null) {
        out.write(bytes, field.from, field.end - field.from);
      } else {
        put(out, GRAPH_INITIALIZER, tensorWith(field, replacement));
      }
    }
    return out.toByteArray();
  }

  private byte[] tensorWith(Field tensor, MemorySegment data) {
    Weights described = weights(tensor);
    if (described.sizeBytes != data.byteSize()) {
      throw new IllegalArgumentException(
          "the initializer "
              + described.name
              + " takes "
              + described.sizeBytes
              + " bytes, not "
              + data.byteSize());
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (Field field : fields(tensor.begin, tensor.end)) {
      // Values lie in raw_data or in the field of their type: 4 to 7, 10 and 11.
      boolean kept =
          switch (field.number) {
            case 4, 5, 6, 7, 10, 11, TENSOR_RAW_DATA, TENSOR_EXTERNAL_DATA, TENSOR_LOCATION ->
                false;
            default -> true;
          };
      if (kept) {
        out.write(bytes, field.from, field.end - field.from);
      }
    }
    put(out, TENSOR_RAW_DATA, data.toArray(JAVA_BYTE));
    return out.toByteArray();
  }

  private static void put(ByteArrayOutputStream out, int number, byte[] message) {
    putVarint(out, (number << 3) | LENGTH);
    putVarint(out, message.length);
    out.writeBytes(message);
  }

  private static void putVarint(ByteArrayOutputStream out, int value) {
    int rest = value;
    while ((rest & ~0x7F) != 0) {
      out.write((rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    out.write(rest);
  }

  private List<Field> fields(int begin, int end) {
    List<Field> fields = new ArrayList<>();
    Cursor cursor = new Cursor(begin);
    while (cursor.at < end) {
      int from = cursor.at;
      long tag = cursor.varint(end);
      int type = (int) (tag & 7);
      long value = type == VARINT || type == LENGTH ? cursor.varint(end) : 0;
      long size =
          switch (type) {
            case VARINT -> 0;
            case FIXED_64 -> 8;
            case LENGTH -> value;
            case FIXED_32 -> 4;
            default -> -1;
          };
      if (size < 0 || size > end - cursor.at || tag >>> 3 > Integer.MAX_VALUE) {
        throw new IllegalArgumentException("no protobuf: a broken field at byte " + from);
      }
      int content = cursor.at;
      cursor.at += (int) size;
      fields.add(new Field((int) (tag >>> 3), type, from, content, cursor.at, value));
    }
    return fields;
  }

  /** A place in the bytes. */
  private final class Cursor {
    private int at;

    Cursor(int at) {
      this.at = at;
    }

    long varint(int end) {
      long value = 0;
      for (int shift = 0; shift < 64 && at < end; shift += 7) {
        byte next = bytes[at++];
        value |= (long) (next & 0x7F) << shift;
        if (next >= 0) {
          return value;
        }
      }
      throw new IllegalArgumentException("no protobuf: a broken number at byte " + at);
    }
  }
}
