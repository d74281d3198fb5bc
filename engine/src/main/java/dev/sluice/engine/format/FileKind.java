package dev.sluice.engine.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Guesses what a file is that is no package, so that the message can say so.
 *
 * <p>Thread safety: stateless.
 */
final class FileKind {
  private static final int HEAD_BYTES = 512;

  private FileKind() {}

  /** One sentence on what the file looks like and what to do with it. */
  static String describe(MemorySegment bytes) {
    if (bytes.byteSize() == 0) {
      return "the file is empty; build it again";
    }
    byte[] head =
        bytes.asSlice(0, Math.min(HEAD_BYTES, bytes.byteSize())).toArray(ValueLayout.JAVA_BYTE);
    if (startsWith(head, "PK\3\4")) {
      return isOurs(head)
          ? "the package is cut off, damaged, or longer than it was made; copy it again"
          : "this is a ZIP file, but no package; packages are made by 'sluice build MODEL.onnx'";
    }
    if (looksLikeOnnx(head)) {
      return "this looks like an ONNX model, not like a package; make one of it: 'sluice build'";
    }
    if (isText(head)) {
      return "this is a text, not a package; packages are made by 'sluice build MODEL.onnx'";
    }
    return "this is no package; packages are made by 'sluice build MODEL.onnx'";
  }

  private static boolean isOurs(byte[] head) {
    byte[] name = ZipLayout.WEIGHTS.getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < name.length; i++) {
      int at = ZipLayout.LOCAL_BYTES + i;
      if (at < head.length && head[at] != name[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * A ModelProto usually starts with field 1, {@code ir_version}, a small varint, followed by a
   * string or an operator set.
   */
  private static boolean looksLikeOnnx(byte[] head) {
    return head.length > 2
        && head[0] == 0x08
        && head[1] > 0
        && head[1] < 32
        && (head[2] == 0x12 || head[2] == 0x1a || head[2] == 0x3a || head[2] == 0x42);
  }

  private static boolean isText(byte[] head) {
    for (byte b : head) {
      if (b < 0x20 && b != '\n' && b != '\r' && b != '\t') {
        return false;
      }
    }
    return true;
  }

  private static boolean startsWith(byte[] head, String magic) {
    for (int i = 0; i < magic.length(); i++) {
      if (i >= head.length || head[i] != magic.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
