package dev.sluice.engine.format;

import static dev.sluice.engine.format.ZipLayout.MANIFEST;
import static dev.sluice.engine.format.ZipLayout.WEIGHTS;
import static dev.sluice.engine.format.ZipLayout.WEIGHTS_OFFSET;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/**
 * Writes a package: first the weights, then other entries, then {@link #finish}. The same input
 * gives the same bytes.
 *
 * <p>The file grows in a folder of its own beside the target, under the target's file name, and is
 * renamed when it is whole and on disk: nobody ever sees half a package, and one that is mapped is
 * replaced, never changed. Since weights and graphs lie at their final offsets under their final
 * name at once, a session may be made over {@link #stagedFile} before the rest is written. {@link
 * #close} without {@link #finish} leaves nothing behind.
 *
 * <p>Thread safety: used by one thread.
 */
public final class PackageWriter implements AutoCloseable {
  private static final int CHUNK_BYTES = 1 << 20;
  private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[4096]).asReadOnly();

  private final Path target;
  private final Path folder;
  private final Path staged;
  private final FileChannel channel;
  private final long zip64FromBytes;
  private final List<ZipLayout.Located> located = new ArrayList<>();
  private final Map<String, Manifest.Entry> entries = new LinkedHashMap<>();
  private final MessageDigest seal = Seal.sha256();
  private long position;
  private boolean finished;

  /**
   * A piece of {@code weights.bin}.
   *
   * @param offset of its first byte from the start of the package, at least {@link #weightsOffset}
   * @param data its bytes
   */
  public record Piece(long offset, MemorySegment data) {
    long endOffset() {
      return Math.addExact(offset, data.byteSize());
    }
  }

  private PackageWriter(Path target, long zip64FromBytes) throws IOException {
    this.target = target.toAbsolutePath().normalize();
    this.zip64FromBytes = zip64FromBytes;
    Path name = this.target.getFileName();
    if (name == null || Files.isDirectory(this.target)) {
      throw new PackageException(target + ": is a folder; name a file to write to");
    }
    Path parent = this.target.getParent();
    if (!Files.isDirectory(parent)) {
      throw new PackageException(parent + ": is no folder; make it first");
    }
    folder = Files.createTempDirectory(parent, "." + name + ".");
    staged = folder.resolve(name);
    try {
      channel =
          FileChannel.open(
              staged,
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
    } catch (IOException e) {
      Files.deleteIfExists(folder);
      throw e;
    }
  }

  /**
   * Starts a package.
   *
   * @param target where it shall appear; an existing file is replaced by {@link #finish}
   * @throws IOException when the folder of the target is not there or not writable
   */
  public static PackageWriter create(Path target) throws IOException {
    return create(target, ZipLayout.IN_ZIP64);
  }

  /** A writer that uses ZIP64 from this size or offset on: at most {@link ZipLayout#IN_ZIP64}. */
  static PackageWriter create(Path target, long zip64FromBytes) throws IOException {
    return new PackageWriter(target, zip64FromBytes);
  }

  /** Offset in the package of the first byte of the weights. */
  public static long weightsOffset() {
    return WEIGHTS_OFFSET;
  }

  /** The file that grows; it has the name of the target, so the weights' location holds. */
  public Path stagedFile() {
    return staged;
  }

  /**
   * Writes the weights; gaps between the pieces become zeros. To be called first and once.
   *
   * @param pieces ascending by offset, not overlapping; may be empty
   * @throws IllegalArgumentException when a piece lies before the end of the one ahead of it
   */
  public void weights(List<Piece> pieces) throws IOException {
    if (!located.isEmpty()) {
      throw new IllegalStateException("the weights are the first entry, and are written once");
    }
    long end = WEIGHTS_OFFSET;
    for (Piece piece : pieces) {
      if (piece.offset() < end) {
        throw new IllegalArgumentException(
            "a piece of the weights at " + piece.offset() + " starts before byte " + end);
      }
      end = piece.endOffset();
    }
    write(WEIGHTS, pieces, end - WEIGHTS_OFFSET, null);
  }

  /**
   * Writes an entry after those that are there.
   *
   * @param name a relative path of letters, digits, {@code . _ -} and {@code /}
   * @param data its bytes
   * @throws IllegalArgumentException when the name is taken or not allowed
   */
  public void entry(String name, MemorySegment data) throws IOException {
    if (!ZipLayout.isName(name) || name.equals(MANIFEST) || entries.containsKey(name)) {
      throw new IllegalArgumentException("'" + name + "' is taken or no name of an entry");
    }
    if (located.isEmpty()) {
      throw new IllegalStateException("write the weights first, if only none");
    }
    long dataOffset = ZipLayout.dataOffset(name, position, isZip64(position, data.byteSize()));
    write(name, List.of(new Piece(dataOffset, data)), data.byteSize(), null);
  }

  /**
   * Writes the manifest and the directory, and makes the package appear.
   *
   * @param manifest its {@code entries} are replaced by what was written
   * @return the manifest as written
   * @throws IllegalArgumentException when the manifest names an entry that was not written
   */
  public Manifest finish(Manifest manifest) throws IOException {
    if (located.isEmpty() || finished) {
      throw new IllegalStateException("finish is called once, after the weights");
    }
    Manifest whole = manifest.withEntries(entries);
    ManifestRules.check(whole);
    MemorySegment json = MemorySegment.ofArray(ManifestJson.write(whole));
    long dataOffset = ZipLayout.dataOffset(MANIFEST, position, isZip64(position, json.byteSize()));
    write(MANIFEST, List.of(new Piece(dataOffset, json)), json.byteSize(), json);
    byte[] comment = Seal.prefix(whole.formatVersion());
    ByteBuffer directory = ZipLayout.directory(located, position, zip64FromBytes, comment);
    seal.update(directory.duplicate());
    put(directory);
    put(ByteBuffer.wrap(Seal.hex(seal).getBytes(StandardCharsets.US_ASCII)));
    channel.force(true);
    channel.close();
    Files.move(staged, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    finished = true;
    Files.deleteIfExists(folder);
    forceFolder(target.getParent());
    return whole;
  }

  /** Removes what was written where {@link #finish} did not succeed. */
  @Override
  public void close() throws IOException {
    if (channel.isOpen()) {
      channel.close();
    }
    Files.deleteIfExists(staged);
    try {
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      throw new IOException(folder + ": somebody else put files there; remove the folder", e);
    }
  }

  private boolean isZip64(long headerOffset, long sizeBytes) {
    return headerOffset >= zip64FromBytes || sizeBytes >= zip64FromBytes;
  }

  /**
   * Writes data, then the header in front of it, which needs the data's checksum.
   *
   * @param sealed the data where it is under the seal, else null
   */
  private void write(String name, List<Piece> pieces, long sizeBytes, MemorySegment sealed)
      throws IOException {
    long headerOffset = position;
    boolean zip64 = isZip64(headerOffset, sizeBytes);
    long dataOffset = ZipLayout.dataOffset(name, headerOffset, zip64);
    CRC32 crc = new CRC32();
    MessageDigest sha = Seal.sha256();
    position = dataOffset;
    for (Piece piece : pieces) {
      while (position < piece.offset()) {
        put(ZEROS.asSlice(0, Math.min(ZEROS.byteSize(), piece.offset() - position)), crc, sha);
      }
      put(piece.data(), crc, sha);
    }
    ZipLayout.Located entry =
        new ZipLayout.Located(name, headerOffset, dataOffset, sizeBytes, (int) crc.getValue());
    ByteBuffer header = ZipLayout.localHeader(entry, zip64);
    seal.update(header.duplicate());
    for (long at = headerOffset; header.hasRemaining(); ) {
      at += channel.write(header, at);
    }
    located.add(entry);
    if (sealed == null) {
      entries.put(name, new Manifest.Entry(sizeBytes, Seal.hex(sha)));
    } else {
      Seal.update(seal, sealed);
    }
  }

  private void put(MemorySegment data, CRC32 crc, MessageDigest sha) throws IOException {
    for (long at = 0; at < data.byteSize(); at += CHUNK_BYTES) {
      ByteBuffer chunk =
          data.asSlice(at, Math.min(CHUNK_BYTES, data.byteSize() - at)).asByteBuffer();
      crc.update(chunk.duplicate());
      sha.update(chunk.duplicate());
      put(chunk);
    }
  }

  private void put(ByteBuffer data) throws IOException {
    while (data.hasRemaining()) {
      position += channel.write(data, position);
    }
  }

  /** Makes the rename itself durable. */
  private static void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
