package dev.sluice.engine.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The records of a ZIP file as a package uses them, and how they are written. Field names and
 * numbers are those of PKWARE's APPNOTE.TXT 6.3.10; everything is little endian.
 *
 * <p>Thread safety: stateless.
 */
final class ZipLayout {
  static final int LOCAL_SIGNATURE = 0x04034b50;
  static final int CENTRAL_SIGNATURE = 0x02014b50;
  static final int END_SIGNATURE = 0x06054b50;
  static final int ZIP64_END_SIGNATURE = 0x06064b50;
  static final int ZIP64_LOCATOR_SIGNATURE = 0x07064b50;

  static final int LOCAL_BYTES = 30;
  static final int CENTRAL_BYTES = 46;
  static final int END_BYTES = 22;
  static final int ZIP64_END_BYTES = 56;
  static final int ZIP64_LOCATOR_BYTES = 20;

  static final int ZIP64_EXTRA = 0x0001;

  /** The alignment extra field that Android's tools made common: u16 alignment, then zeros. */
  static final int ALIGNMENT_EXTRA = 0xD935;

  /** A 32-bit field that says: look into the ZIP64 extra field. */
  static final long IN_ZIP64 = 0xFFFF_FFFFL;

  /** A 16-bit field that says: look into the ZIP64 end record. */
  static final int COUNT_IN_ZIP64 = 0xFFFF;

  static final String WEIGHTS = "weights.bin";
  static final String MANIFEST = "manifest.json";

  /** Where the data of {@link #WEIGHTS} starts: a page, so that it can be mapped alone. */
  static final int WEIGHTS_OFFSET = 4096;

  /** What the data of each other entry is aligned to: a cache line, enough for any element type. */
  static final int ENTRY_ALIGNMENT = 64;

  /** 1980-01-01, the earliest date there is: the same input gives the same file. */
  private static final short DOS_DATE = 0x0021;

  private static final short VERSION_PLAIN = 20;
  private static final short VERSION_ZIP64 = 45;
  private static final int ZIP64_LOCAL_EXTRA_BYTES = 20;
  private static final int ZIP64_CENTRAL_EXTRA_BYTES = 28;

  private static final Pattern NAME =
      Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*");

  private ZipLayout() {}

  /**
   * Where one entry lies.
   *
   * @param name its name
   * @param headerOffset of its local header
   * @param dataOffset of its data
   * @param sizeBytes of its data
   * @param crc CRC-32 of its data
   */
  record Located(String name, long headerOffset, long dataOffset, long sizeBytes, int crc) {
    long endOffset() {
      return dataOffset + sizeBytes;
    }
  }

  /** Whether a name may be used: relative, printable ASCII, no {@code .} or {@code ..} parts. */
  static boolean isName(String name) {
    return name.length() <= 255 && NAME.matcher(name).matches();
  }

  /** Where the data of an entry starts whose local header is at {@code headerOffset}. */
  static long dataOffset(String name, long headerOffset, boolean zip64) {
    long earliest =
        headerOffset
            + LOCAL_BYTES
            + name.length()
            + (zip64 ? ZIP64_LOCAL_EXTRA_BYTES : 0)
            + alignmentExtraBytes(0);
    int alignment = alignment(name);
    return Math.ceilDiv(earliest, (long) alignment) * alignment;
  }

  static ByteBuffer localHeader(Located entry, boolean zip64) {
    int length = Math.toIntExact(entry.dataOffset() - entry.headerOffset());
    int extraBytes = length - LOCAL_BYTES - entry.name().length();
    ByteBuffer out = buffer(length);
    out.putInt(LOCAL_SIGNATURE);
    out.putShort(zip64 ? VERSION_ZIP64 : VERSION_PLAIN);
    putCommon(out, entry, zip64);
    out.putShort((short) entry.name().length());
    out.putShort((short) extraBytes);
    out.put(entry.name().getBytes(StandardCharsets.US_ASCII));
    if (zip64) {
      out.putShort((short) ZIP64_EXTRA);
      out.putShort((short) (ZIP64_LOCAL_EXTRA_BYTES - 4));
      out.putLong(entry.sizeBytes());
      out.putLong(entry.sizeBytes());
    }
    out.putShort((short) ALIGNMENT_EXTRA);
    out.putShort((short) (out.remaining() - 2));
    out.putShort((short) alignment(entry.name()));
    return out.clear();
  }

  /**
   * The central directory, the end records and the comment up to the seal.
   *
   * @param entries in the order of the file
   * @param offset where the directory starts
   * @param zip64FromBytes sizes and offsets from here on are written as ZIP64
   * @param comment up to the seal, which follows and is counted here
   */
  static ByteBuffer directory(
      List<Located> entries, long offset, long zip64FromBytes, byte[] comment) {
    int bytes = ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES + END_BYTES + comment.length;
    for (Located entry : entries) {
      bytes += CENTRAL_BYTES + entry.name().length() + ZIP64_CENTRAL_EXTRA_BYTES;
    }
    ByteBuffer out = buffer(bytes);
    boolean anyZip64 = offset >= zip64FromBytes;
    for (Located entry : entries) {
      boolean zip64 = entry.sizeBytes() >= zip64FromBytes || entry.headerOffset() >= zip64FromBytes;
      anyZip64 |= zip64;
      putCentral(out, entry, zip64);
    }
    long directoryBytes = out.position();
    if (anyZip64) {
      putZip64End(out, entries.size(), directoryBytes, offset);
    }
    out.putInt(END_SIGNATURE);
    out.putInt(0);
    out.putShort((short) (anyZip64 ? COUNT_IN_ZIP64 : entries.size()));
    out.putShort((short) (anyZip64 ? COUNT_IN_ZIP64 : entries.size()));
    out.putInt((int) (anyZip64 ? IN_ZIP64 : directoryBytes));
    out.putInt((int) (anyZip64 ? IN_ZIP64 : offset));
    out.putShort((short) (comment.length + Seal.DIGITS));
    out.put(comment);
    return out.flip();
  }

  private static void putCentral(ByteBuffer out, Located entry, boolean zip64) {
    out.putInt(CENTRAL_SIGNATURE);
    out.putShort(VERSION_ZIP64);
    out.putShort(zip64 ? VERSION_ZIP64 : VERSION_PLAIN);
    putCommon(out, entry, zip64);
    out.putShort((short) entry.name().length());
    out.putShort((short) (zip64 ? ZIP64_CENTRAL_EXTRA_BYTES : 0));
    out.putShort((short) 0); // comment length
    out.putShort((short) 0); // disk
    out.putShort((short) 0); // internal attributes
    out.putInt(0); // external attributes
    out.putInt((int) (zip64 ? IN_ZIP64 : entry.headerOffset()));
    out.put(entry.name().getBytes(StandardCharsets.US_ASCII));
    if (zip64) {
      out.putShort((short) ZIP64_EXTRA);
      out.putShort((short) (ZIP64_CENTRAL_EXTRA_BYTES - 4));
      out.putLong(entry.sizeBytes());
      out.putLong(entry.sizeBytes());
      out.putLong(entry.headerOffset());
    }
  }

  /** Flags, method, time, date, CRC-32 and both sizes: the same in both kinds of header. */
  private static void putCommon(ByteBuffer out, Located entry, boolean zip64) {
    out.putShort((short) 0); // flags
    out.putShort((short) 0); // method: stored
    out.putShort((short) 0); // time
    out.putShort(DOS_DATE);
    out.putInt(entry.crc());
    out.putInt((int) (zip64 ? IN_ZIP64 : entry.sizeBytes()));
    out.putInt((int) (zip64 ? IN_ZIP64 : entry.sizeBytes()));
  }

  private static void putZip64End(ByteBuffer out, int count, long directoryBytes, long offset) {
    out.putInt(ZIP64_END_SIGNATURE);
    out.putLong(ZIP64_END_BYTES - 12);
    out.putShort(VERSION_ZIP64);
    out.putShort(VERSION_ZIP64);
    out.putInt(0); // this disk
    out.putInt(0); // disk of the directory
    out.putLong(count);
    out.putLong(count);
    out.putLong(directoryBytes);
    out.putLong(offset);
    out.putInt(ZIP64_LOCATOR_SIGNATURE);
    out.putInt(0); // disk of the ZIP64 end record
    out.putLong(offset + directoryBytes);
    out.putInt(1); // disks
  }

  private static int alignment(String name) {
    return name.equals(WEIGHTS) ? WEIGHTS_OFFSET : ENTRY_ALIGNMENT;
  }

  private static int alignmentExtraBytes(int padding) {
    return 6 + padding;
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
