package dev.sluice.engine.npy;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The header of a {@code .npy} file: {@code \x93NUMPY}, major and minor version, the length of the
 * text (u16 in 1.0, u32 in 2.0 and 3.0), and a Python dictionary literal with the keys {@code
 * descr}, {@code fortran_order} and {@code shape}. Source: NEP 1 and numpy.lib.format.
 *
 * <p>Thread safety: immutable.
 *
 * @param type the element type
 * @param shape the shape
 * @param sizeBytes length of the header: where the data starts
 */
record NpyHeader(ElementType type, Shape shape, int sizeBytes) {
  /** Longest header that is parsed; one of 32 dimensions has some 700 bytes. */
  static final int MAX_BYTES = 1 << 16;

  /** Magic, version and a u32 length. */
  static final int LONGEST_PREFIX = 12;

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

  /** NumPy aligns the data to this. */
  private static final int ALIGNMENT = 64;

  /** More dimensions than NumPy allows (64 since 2.0). */
  private static final int MAX_RANK = 64;

  /**
   * Parses a header.
   *
   * @param head the start of the file, {@link #MAX_BYTES} or all there is
   * @param who the file, for messages
   */
  static NpyHeader parse(byte[] head, String who) throws NpyException {
    if (head.length < 10 || !startsWithMagic(head)) {
      throw new NpyException(
          who + ": byte 0: this is no .npy file; save the array with numpy.save or 'sluice run'");
    }
    int major = head[6];
    if (major < 1 || major > 3 || head[7] != 0) {
      throw new NpyException(
          who
              + ": byte 6: .npy version "
              + major
              + "."
              + head[7]
              + "; versions 1.0 to 3.0 are read");
    }
    int prefix = major == 1 ? 10 : LONGEST_PREFIX;
    long length = (head[8] & 0xff) | (head[9] & 0xff) << 8;
    if (major > 1 && head.length >= prefix) {
      length |= (head[10] & 0xffL) << 16 | (head[11] & 0xffL) << 24;
    }
    if (prefix + length > head.length) {
      throw new NpyException(
          who
              + ": byte 8: a header of "
              + length
              + " bytes, but there are "
              + Math.max(0, head.length - prefix)
              + " (at most "
              + MAX_BYTES
              + " are read); the file is cut off or damaged: save it again");
    }
    String text = new String(head, prefix, (int) length, StandardCharsets.UTF_8);
    return new Parser(text, who, prefix).parse(prefix + (int) length);
  }

  /** The bytes of a header, version 1.0. */
  static byte[] format(ElementType type, Shape shape) {
    StringBuilder text = new StringBuilder("{'descr': '").append(descr(type));
    text.append("', 'fortran_order': False, 'shape': (");
    for (int axis = 0; axis < shape.rank(); axis++) {
      text.append(axis == 0 ? "" : " ").append(shape.dim(axis)).append(',');
    }
    if (shape.rank() > 1) {
      text.setLength(text.length() - 1);
    }
    text.append("), }");
    int total = Math.ceilDiv(10 + text.length() + 1, ALIGNMENT) * ALIGNMENT;
    text.repeat(' ', total - 10 - text.length() - 1).append('\n');
    byte[] bytes = new byte[total];
    System.arraycopy(MAGIC, 0, bytes, 0, MAGIC.length);
    bytes[6] = 1;
    bytes[8] = (byte) text.length();
    bytes[9] = (byte) (text.length() >> 8);
    byte[] ascii = text.toString().getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(ascii, 0, bytes, 10, ascii.length);
    return bytes;
  }

  /** Whether NumPy has this type. */
  static boolean isSupported(ElementType type) {
    return switch (type) {
      case FLOAT, DOUBLE, FLOAT16, BOOL, INT8, INT16, INT32, INT64 -> true;
      case UINT8, UINT16, UINT32, UINT64 -> true;
      default -> false;
    };
  }

  private static String descr(ElementType type) {
    return switch (type) {
      case FLOAT16 -> "<f2";
      case FLOAT -> "<f4";
      case DOUBLE -> "<f8";
      case INT8 -> "|i1";
      case INT16 -> "<i2";
      case INT32 -> "<i4";
      case INT64 -> "<i8";
      case UINT8 -> "|u1";
      case UINT16 -> "<u2";
      case UINT32 -> "<u4";
      case UINT64 -> "<u8";
      case BOOL -> "|b1";
      default ->
          throw new IllegalArgumentException(
              "NumPy has no type " + type + "; write it as an ONNX TensorProto");
    };
  }

  private static boolean startsWithMagic(byte[] head) {
    for (int i = 0; i < MAGIC.length; i++) {
      if (head[i] != MAGIC[i]) {
        return false;
      }
    }
    return true;
  }

  /** Reads the dictionary; anything but the three known keys with plain values is refused. */
  private static final class Parser {
    private final String text;
    private final String who;
    private final int offset;
    private int at;

    Parser(String text, String who, int offset) {
      this.text = text;
      this.who = who;
      this.offset = offset;
    }

    NpyHeader parse(int sizeBytes) throws NpyException {
      ElementType type = null;
      Shape shape = null;
      Boolean fortran = null;
      expect('{');
      while (!accept('}')) {
        String key = string();
        expect(':');
        if (key.equals("descr") && type == null) {
          type = type(string());
        } else if (key.equals("fortran_order") && fortran == null) {
          fortran = bool();
        } else if (key.equals("shape") && shape == null) {
          shape = shape();
        } else {
          throw refuse("has the unknown or repeated key '" + key + "'");
        }
        if (!accept(',')) {
          expect('}');
          break;
        }
      }
      if (!text.substring(at).isBlank()) {
        throw refuse("has text after the dictionary");
      }
      if (type == null || shape == null || fortran == null) {
        throw refuse("lacks one of 'descr', 'fortran_order' and 'shape'");
      }
      if (fortran && shape.rank() > 1) {
        throw refuse("is in Fortran order; save it with numpy.ascontiguousarray");
      }
      try {
        type.byteSize(shape.elementCount());
      } catch (ArithmeticException e) {
        throw refuse("has the absurd shape " + shape);
      }
      return new NpyHeader(type, shape, sizeBytes);
    }

    private ElementType type(String descr) throws NpyException {
      for (ElementType type : ElementType.values()) {
        if (isSupported(type)
            && descr(type).substring(1).equals(descr.replaceFirst("^[<|=]", ""))) {
          return type;
        }
      }
      throw refuse(
          "has the type '"
              + descr
              + "'; f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 are read, little endian: use astype");
    }

    private Shape shape() throws NpyException {
      List<Long> dims = new ArrayList<>();
      expect('(');
      while (!accept(')')) {
        dims.add(number());
        if (dims.size() > MAX_RANK) {
          throw refuse("has more than " + MAX_RANK + " dimensions");
        }
        if (!accept(',')) {
          expect(')');
          break;
        }
      }
      return Shape.of(dims.stream().mapToLong(Long::longValue).toArray());
    }

    private long number() throws NpyException {
      skipBlanks();
      int start = at;
      while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
        at++;
      }
      try {
        return Long.parseLong(text.substring(start, at));
      } catch (NumberFormatException e) {
        throw refuse("has a dimension that is no number");
      }
    }

    private boolean bool() throws NpyException {
      skipBlanks();
      for (String word : List.of("True", "False")) {
        if (text.startsWith(word, at)) {
          at += word.length();
          return word.equals("True");
        }
      }
      throw refuse("has a 'fortran_order' that is neither True nor False");
    }

    private String string() throws NpyException {
      skipBlanks();
      char quote = at < text.length() ? text.charAt(at) : ' ';
      int end = quote == '\'' || quote == '"' ? text.indexOf(quote, at + 1) : -1;
      if (end < 0) {
        throw refuse("lacks a string");
      }
      String string = text.substring(at + 1, end);
      at = end + 1;
      return string;
    }

    private boolean accept(char c) {
      skipBlanks();
      if (at < text.length() && text.charAt(at) == c) {
        at++;
        return true;
      }
      return false;
    }

    private void expect(char c) throws NpyException {
      if (!accept(c)) {
        throw refuse("lacks a '" + c + "'");
      }
    }

    private void skipBlanks() {
      while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
        at++;
      }
    }

    private NpyException refuse(String problem) {
      return new NpyException(who + ": byte " + (offset + at) + ": the header " + problem);
    }
  }
}
