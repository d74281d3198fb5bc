package dev.sluice.engine.format;

import static dev.sluice.engine.format.ZipLayout.CENTRAL_BYTES;
import static dev.sluice.engine.format.ZipLayout.LOCAL_BYTES;
import static dev.sluice.engine.format.ZipLayout.ZIP64_END_BYTES;
import static dev.sluice.engine.format.ZipLayout.ZIP64_LOCATOR_BYTES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the directory of a package out of its bytes and trusts none of them: every number is
 * checked against the file before it is used, and the parts must follow each other without a gap.
 *
 * <p>Thread safety: used by one thread.
 */
final class ZipDirectory {
  /** Far more entries than a package has; bounds what a hostile directory makes us keep. */
  static final int MAX_ENTRIES = 4096;

  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final MemorySegment bytes;
  private final long endOffset;
  private long directoryOffset;
  private long directoryEnd;
  private long count;

  private ZipDirectory(Path file, MemorySegment bytes, long endOffset) {
    this.file = file;
    this.bytes = bytes;
    this.endOffset = endOffset;
  }

  /**
   * The entries in the order of the file.
   *
   * @param file for messages
   * @param bytes the whole file
   * @param endOffset of the end record, which is followed by the comment to the end of the file
   */
  static List<ZipLayout.Located> read(Path file, MemorySegment bytes, long endOffset)
      throws PackageException {
    ZipDirectory directory = new ZipDirectory(file, bytes, endOffset);
    directory.readEnd();
    return directory.readEntries();
  }

  private void readEnd() throws PackageException {
    check(
        u16(endOffset + 4) == 0 && u16(endOffset + 6) == 0, endOffset, "the file is part of a set");
    long entries = u16(endOffset + 10);
    long sizeBytes = u32(endOffset + 12);
    directoryOffset = u32(endOffset + 16);
    check(entries == u16(endOffset + 8), endOffset + 8, "the end record disagrees with itself");
    directoryEnd = endOffset;
    count = entries;
    if (entries == ZipLayout.COUNT_IN_ZIP64
        || sizeBytes == ZipLayout.IN_ZIP64
        || directoryOffset == ZipLayout.IN_ZIP64) {
      sizeBytes = readZip64End();
    }
    check(
        count > 0 && count <= MAX_ENTRIES,
        endOffset,
        "the directory claims " + Long.toUnsignedString(count) + " entries");
    check(
        directoryOffset >= 0
            && sizeBytes >= 0
            && directoryOffset <= directoryEnd
            && sizeBytes == directoryEnd - directoryOffset,
        endOffset,
        "the directory is said to lie at "
            + Long.toUnsignedString(directoryOffset)
            + ", "
            + Long.toUnsignedString(sizeBytes)
            + " bytes long, and does not end at "
            + directoryEnd);
  }

  /** Returns the size of the directory. */
  private long readZip64End() throws PackageException {
    long locator = endOffset - ZIP64_LOCATOR_BYTES;
    long end = locator - ZIP64_END_BYTES;
    check(
        end >= 0
            && u32(locator) == ZipLayout.ZIP64_LOCATOR_SIGNATURE
            && u64(locator + 8) == end
            && u32(end) == ZipLayout.ZIP64_END_SIGNATURE
            && u64(end + 4) == ZIP64_END_BYTES - 12,
        Math.max(0, end),
        "the ZIP64 end record is not where it belongs");
    count = u64(end + 32);
    directoryOffset = u64(end + 48);
    directoryEnd = end;
    return u64(end + 40);
  }

  private List<ZipLayout.Located> readEntries() throws PackageException {
    Map<String, ZipLayout.Located> entries = new LinkedHashMap<>();
    long expectedOffset = 0;
    long at = directoryOffset;
    for (long i = 0; i < count; i++) {
      check(
          directoryEnd - at >= CENTRAL_BYTES && u32(at) == ZipLayout.CENTRAL_SIGNATURE,
          at,
          "entry " + i + " of the directory is missing");
      int nameBytes = u16(at + 28);
      long length = (long) CENTRAL_BYTES + nameBytes + u16(at + 30) + u16(at + 32);
      check(length <= directoryEnd - at, at, "a directory entry reaches past the directory");
      ZipLayout.Located entry = readEntry(at, nameBytes);
      check(
          entry.headerOffset() == expectedOffset,
          at,
          "entry '"
              + entry.name()
              + "' is said to start at "
              + Long.toUnsignedString(entry.headerOffset())
              + ", the one ahead of it ends at "
              + expectedOffset);
      check(entries.put(entry.name(), entry) == null, at, "two entries are named " + entry.name());
      expectedOffset = entry.endOffset();
      at += length;
    }
    check(at == directoryEnd, at, "bytes follow the last directory entry");
    check(
        expectedOffset == directoryOffset,
        expectedOffset,
        "the last entry does not end where the directory starts");
    return List.copyOf(entries.values());
  }

  private ZipLayout.Located readEntry(long at, int nameBytes) throws PackageException {
    String name = name(at + CENTRAL_BYTES, nameBytes);
    check(ZipLayout.isName(name), at + CENTRAL_BYTES, "an entry has the name '" + name + "'");
    String who = "entry '" + name + "' ";
    check((u16(at + 8) & 1) == 0, at + 8, who + "is encrypted");
    check(u16(at + 8) == 0, at + 8, who + "has the flags " + u16(at + 8));
    check(u16(at + 10) == 0, at + 10, who + "is compressed; entries of a package are stored");
    check(u16(at + 32) == 0 && u16(at + 34) == 0, at + 32, who + "has a comment or another disk");
    long storedBytes = u32(at + 20);
    long sizeBytes = u32(at + 24);
    long headerOffset = u32(at + 42);
    long extra = at + CENTRAL_BYTES + nameBytes;
    int extraBytes = u16(at + 30);
    if (sizeBytes == ZipLayout.IN_ZIP64) {
      check(
          storedBytes == ZipLayout.IN_ZIP64
              && headerOffset == ZipLayout.IN_ZIP64
              && extraBytes == 28
              && u16(extra) == ZipLayout.ZIP64_EXTRA
              && u16(extra + 2) == 24,
          extra,
          who + "needs a ZIP64 field of 24 bytes");
      sizeBytes = u64(extra + 4);
      storedBytes = u64(extra + 12);
      headerOffset = u64(extra + 20);
    } else {
      check(extraBytes == 0, extra, who + "has an unknown extra field");
    }
    check(storedBytes == sizeBytes, at + 20, who + "has two sizes");
    long dataOffset = dataOffset(name, headerOffset, at);
    check(
        sizeBytes >= 0 && sizeBytes <= directoryOffset - dataOffset,
        at + 24,
        who + "of " + Long.toUnsignedString(sizeBytes) + " bytes reaches past the entries");
    return new ZipLayout.Located(name, headerOffset, dataOffset, sizeBytes, (int) u32(at + 16));
  }

  /** Reads the lengths in the local header; the seal vouches for the rest of it. */
  private long dataOffset(String name, long headerOffset, long at) throws PackageException {
    String who = "entry '" + name + "' ";
    check(
        headerOffset >= 0 && headerOffset <= directoryOffset - LOCAL_BYTES,
        at + 42,
        who + "is said to start at " + Long.toUnsignedString(headerOffset) + ", outside the file");
    check(
        u32(headerOffset) == ZipLayout.LOCAL_SIGNATURE, headerOffset, who + "has no local header");
    int nameBytes = u16(headerOffset + 26);
    long dataOffset = headerOffset + LOCAL_BYTES + nameBytes + u16(headerOffset + 28);
    check(
        dataOffset <= directoryOffset
            && nameBytes == name.length()
            && name(headerOffset + LOCAL_BYTES, nameBytes).equals(name),
        headerOffset,
        who + "has a local header of something else");
    return dataOffset;
  }

  private String name(long at, int nameBytes) {
    byte[] name = bytes.asSlice(at, nameBytes).toArray(ValueLayout.JAVA_BYTE);
    return new String(name, StandardCharsets.ISO_8859_1);
  }

  private int u16(long at) {
    return Short.toUnsignedInt(bytes.get(U16, at));
  }

  private long u32(long at) {
    return Integer.toUnsignedLong(bytes.get(U32, at));
  }

  private long u64(long at) {
    return bytes.get(U64, at);
  }

  private void check(boolean holds, long offset, String problem) throws PackageException {
    if (!holds) {
      throw PackageException.at(
          file, offset, problem + "; the file is damaged: copy it again or build it again");
    }
  }
}
