package dev.sluice.engine.format;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The ZIP comment that makes a file a package, and SHA-256 over segments.
 *
 * <p>Thread safety: stateless.
 */
final class Seal {
  /** What the comment of a package of any format version starts with. */
  static final String MAGIC = "Sluice package, format ";

  /** What stands between the version and the seal. */
  static final String MIDDLE = ", sha256 ";

  /** Hexadecimal digits of the seal. */
  static final int DIGITS = 64;

  /** Bytes that are hashed at once: small enough for the second-level cache. */
  private static final int CHUNK_BYTES = 1 << 18;

  private Seal() {}

  /** The comment up to the seal. */
  static byte[] prefix(int version) {
    return (MAGIC + version + MIDDLE).getBytes(StandardCharsets.US_ASCII);
  }

  /** Length of the whole comment. */
  static int commentBytes(int version) {
    return prefix(version).length + DIGITS;
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("each Java platform has SHA-256, but this one has not", e);
    }
  }

  /** Feeds a segment of any size. */
  static void update(MessageDigest digest, MemorySegment data) {
    for (long at = 0; at < data.byteSize(); at += CHUNK_BYTES) {
      digest.update(data.asSlice(at, Math.min(CHUNK_BYTES, data.byteSize() - at)).asByteBuffer());
    }
  }

  /** The digest as lower-case hexadecimal digits. */
  static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }
}
