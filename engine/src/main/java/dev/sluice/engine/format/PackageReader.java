package dev.sluice.engine.format;

import static dev.sluice.engine.format.ZipLayout.END_BYTES;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Opens packages. Opening checks the structure and the seal, which takes time in proportion to the
 * manifest and the directory, not to the weights; {@link SluicePackage#verify} reads all the rest.
 *
 * <p>Thread safety: stateless.
 */
public final class PackageReader {
  /** A manifest is some kilobytes; this bounds what a hostile one makes us parse. */
  static final long MAX_MANIFEST_BYTES = 64L << 20;

  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int LONGEST_VERSION_DIGITS = 9;

  private PackageReader() {}

  /**
   * Maps a package and reads its manifest. The file may be replaced by a rename while it is open;
   * to truncate or overwrite it in place makes later accesses fail with an {@link InternalError}
   * or, in native code, ends the process.
   *
   * @param file the package; links are followed
   * @throws PackageException when the file is no package, is damaged, or is of a newer format
   * @throws IOException when the file can't be read
   */
  // The package owns the arena; each way out of here without one closes it.
  @SuppressWarnings("MustBeClosedChecker")
  public static SluicePackage open(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString(), null, "no such file; check the path");
    }
    Path real = file.toRealPath();
    if (!Files.isRegularFile(real)) {
      throw PackageException.of(file, "is not a regular file; name a package");
    }
    Object keyBefore = fileKey(real);
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(real, StandardOpenOption.READ)) {
      if (!Objects.equals(keyBefore, fileKey(real))) {
        throw PackageException.of(file, "was replaced while it was opened; open it again");
      }
      long sizeBytes = channel.size();
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, sizeBytes, arena);
      SluicePackage opened = read(real, keyBefore, bytes, arena);
      if (channel.size() != sizeBytes) {
        throw PackageException.of(
            file, "changed its size while it was opened; packages are replaced by rename only");
      }
      return opened;
    } catch (InternalError e) {
      // A page of the mapping is gone: the file was truncated under our hands.
      arena.close();
      throw new PackageException(
          file + ": was truncated while it was opened; packages are replaced by rename only", e);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private static Object fileKey(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
  }

  /** Reads a package out of its bytes; the package will close the arena. */
  static SluicePackage read(Path file, Object fileKey, MemorySegment bytes, Arena arena)
      throws PackageException {
    long end = findEnd(file, bytes);
    int version = version(bytes, end);
    List<ZipLayout.Located> entries = ZipDirectory.read(file, bytes, end);
    ZipLayout.Located manifestEntry = entries.getLast();
    if (!manifestEntry.name().equals(ZipLayout.MANIFEST)
        || manifestEntry.sizeBytes() > MAX_MANIFEST_BYTES) {
      throw PackageException.at(
          file,
          manifestEntry.headerOffset(),
          "the last entry is '"
              + manifestEntry.name()
              + "' of "
              + manifestEntry.sizeBytes()
              + " bytes, where the manifest belongs; build the package again");
    }
    String seal = checkSeal(file, bytes, entries);
    byte[] json =
        bytes
            .asSlice(manifestEntry.dataOffset(), manifestEntry.sizeBytes())
            .toArray(ValueLayout.JAVA_BYTE);
    Manifest manifest = ManifestJson.read(json, file, manifestEntry.dataOffset());
    Map<String, ZipLayout.Located> located = new LinkedHashMap<>();
    entries.forEach(entry -> located.put(entry.name(), entry));
    located.remove(ZipLayout.MANIFEST);
    checkManifest(file, manifest, version, manifestEntry.dataOffset(), located);
    return new SluicePackage(file, fileKey, arena, bytes, manifest, located, seal);
  }

  /** The offset of the end record, judged by the comment that makes the file a package. */
  private static long findEnd(Path file, MemorySegment bytes) throws PackageException {
    for (int version = 1; version <= Manifest.FORMAT_VERSION; version++) {
      long end = bytes.byteSize() - Seal.commentBytes(version) - END_BYTES;
      if (version(bytes, end) == version) {
        return end;
      }
    }
    long end = bytes.byteSize() - Seal.commentBytes(Manifest.FORMAT_VERSION) - END_BYTES;
    for (int digits = 1; digits <= LONGEST_VERSION_DIGITS; digits++) {
      long other = end - digits + 1;
      if (isEnd(bytes, other) && text(bytes, other, Seal.MAGIC.length()).equals(Seal.MAGIC)) {
        String version =
            text(bytes, other, Seal.MAGIC.length() + digits).substring(Seal.MAGIC.length());
        throw PackageException.at(
            file,
            other + END_BYTES,
            "the package has format '"
                + version
                + "', this Sluice reads up to format "
                + Manifest.FORMAT_VERSION
                + "; a newer Sluice made it: update, or build the package with this version");
      }
    }
    throw PackageException.of(file, FileKind.describe(bytes));
  }

  /** The format version that the comment of the end record at {@code end} says; 0 for another. */
  private static int version(MemorySegment bytes, long end) {
    for (int version = 1; isEnd(bytes, end) && version <= Manifest.FORMAT_VERSION; version++) {
      byte[] expected = Seal.prefix(version);
      if (text(bytes, end, expected.length).equals(ascii(expected))) {
        return version;
      }
    }
    return 0;
  }

  private static boolean isEnd(MemorySegment bytes, long end) {
    return end >= 0
        && bytes.get(U32, end) == ZipLayout.END_SIGNATURE
        && Short.toUnsignedLong(bytes.get(U16, end + 20)) == bytes.byteSize() - end - END_BYTES;
  }

  /** The start of the comment of the end record at {@code end}. */
  private static String text(MemorySegment bytes, long end, int length) {
    return ascii(bytes.asSlice(end + END_BYTES, length).toArray(ValueLayout.JAVA_BYTE));
  }

  private static String ascii(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static String checkSeal(Path file, MemorySegment bytes, List<ZipLayout.Located> entries)
      throws PackageException {
    MessageDigest digest = Seal.sha256();
    for (ZipLayout.Located entry : entries) {
      long end = entry.name().equals(ZipLayout.MANIFEST) ? entry.endOffset() : entry.dataOffset();
      Seal.update(digest, bytes.asSlice(entry.headerOffset(), end - entry.headerOffset()));
    }
    long directory = entries.getLast().endOffset();
    long sealOffset = bytes.byteSize() - Seal.DIGITS;
    Seal.update(digest, bytes.asSlice(directory, sealOffset - directory));
    String actual = Seal.hex(digest);
    String claimed = ascii(bytes.asSlice(sealOffset).toArray(ValueLayout.JAVA_BYTE));
    if (!actual.equals(claimed)) {
      throw PackageException.at(
          file,
          sealOffset,
          "the seal does not fit the headers and the manifest, which were changed or damaged;"
              + " copy the package again or build it again");
    }
    return actual;
  }

  private static void checkManifest(
      Path file,
      Manifest manifest,
      int version,
      long offset,
      Map<String, ZipLayout.Located> located)
      throws PackageException {
    try {
      if (manifest.formatVersion() != version) {
        throw new IllegalArgumentException(
            "it says format " + manifest.formatVersion() + ", the file says " + version);
      }
      if (!located.keySet().equals(manifest.entries().keySet())) {
        throw new IllegalArgumentException(
            "it lists " + manifest.entries().keySet() + ", the file has " + located.keySet());
      }
      for (ZipLayout.Located entry : located.values()) {
        if (entry.sizeBytes() != manifest.entries().get(entry.name()).sizeBytes()) {
          throw new IllegalArgumentException("it has another size for " + entry.name());
        }
      }
      ManifestRules.check(manifest);
      if (located.get(ZipLayout.WEIGHTS).dataOffset() != ZipLayout.WEIGHTS_OFFSET) {
        throw new IllegalArgumentException("the weights do not start at byte 4096");
      }
    } catch (IllegalArgumentException e) {
      throw new PackageException(
          file
              + ": byte "
              + offset
              + ": manifest.json does not hold: "
              + e.getMessage()
              + "; build the package again",
          e);
    }
  }
}
