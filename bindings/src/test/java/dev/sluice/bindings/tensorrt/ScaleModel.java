package dev.sluice.bindings.tensorrt;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** {@code y = f(x * w)} over rows of two floats; {@code w} lies in a file that nobody has. */
final class ScaleModel {
  static final int WIDTH = 2;
  private static final int FLOAT = 1;
  private static final int INT64 = 7;

  private ScaleModel() {}

  /**
   * The model as ONNX.
   *
   * @param f an operator of one input, such as {@code Relu}
   */
  static byte[] onnx(String f) {
    return onnx(f, "rows");
  }

  /** The model with another name for the rows of its output than those of its input have. */
  static byte[] onnx(String f, String outputRows) {
    return onnx(f, value("y", FLOAT, dim(outputRows), dim(WIDTH)));
  }

  /**
   * {@code y = NonZero(x * w)}, int64 of 2 rows: rows and columns of the elements that are not 0.
   */
  static byte[] nonZero() {
    return onnx("NonZero", value("y", INT64, dim(2), dim("found")));
  }

  private static byte[] onnx(String f, byte[] output) {
    byte[] dims = field(1, WIDTH);
    byte[] location = field(13, join(field(1, "location"), field(2, "nowhere.bin")));
    byte[] graph =
        join(
            field(1, join(field(1, "x"), field(1, "w"), field(2, "h"), field(4, "Mul"))),
            field(1, join(field(1, "h"), field(2, "y"), field(3, "last \"f\""), field(4, f))),
            field(2, "scale"),
            field(5, join(dims, field(2, FLOAT), field(8, "w"), location, field(14, 1))),
            field(11, value("x", FLOAT, dim("rows"), dim(WIDTH))),
            field(12, output));
    return join(field(1, 8), field(7, graph), field(8, join(field(1, ""), field(2, 17))));
  }

  private static byte[] dim(int size) {
    return field(1, field(1, size));
  }

  private static byte[] dim(String name) {
    return field(1, field(2, name));
  }

  private static byte[] value(String name, int type, byte[]... dims) {
    byte[] tensor = join(field(1, type), field(2, join(dims)));
    return join(field(1, name), field(2, field(1, tensor)));
  }

  private static byte[] field(int number, int value) {
    return new byte[] {(byte) (number << 3), (byte) value};
  }

  private static byte[] field(int number, String value) {
    return field(number, value.getBytes(StandardCharsets.UTF_8));
  }

  /** Of numbers below 16; the length takes two bytes. */
  private static byte[] field(int number, byte[] value) {
    byte[] head = {
      (byte) ((number << 3) | 2), (byte) ((value.length & 0x7F) | 0x80), (byte) (value.length >> 7)
    };
    return join(head, value);
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
