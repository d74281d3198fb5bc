package dev.sluice.bindings;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Native libraries out of jars, unpacked once per user into {@code native/<sha256>/} below the
 * {@link CacheDirectory}.
 *
 * <p>A library is used only when its SHA-256 is the expected one, and that is checked on every use
 * (20 ms for 28 MB): what is loaded is what was pinned. Unpacking writes a temporary file beside
 * and renames it, so processes that unpack at once, or die on the way, do no harm; a file with
 * another content is replaced.
 *
 * <p>Thread safety: any thread, any number of processes.
 */
public final class NativeLibraryCache {
  private static final Duration STALE_AFTER = Duration.ofHours(1);
  private static final int CHUNK_BYTES = 1 << 16;

  private NativeLibraryCache() {}

  /** Opens the stream of a library's bytes. */
  @FunctionalInterface
  public interface Source {
    /** The bytes from the start; closed by the caller. */
    InputStream open() throws IOException;
  }

  /**
   * The path of a library whose content is proven to be the expected one.
   *
   * @param fileName the library's file name
   * @param sha256 the expected SHA-256, 64 lower-case hexadecimal digits
   * @param source where its bytes are, read only when the cache lacks them
   * @throws IOException when the cache can't be written, or the source has another content; the
   *     message says what to do
   */
  public static Path unpack(String fileName, String sha256, Source source) throws IOException {
    Path folder = CacheDirectory.open("native", sha256);
    Path library = folder.resolve(fileName);
    if (sha256.equals(hashOrNull(library))) {
      return library;
    }
    deleteStale(folder);
    Path temporary;
    try {
      temporary =
          Files.createTempFile(
              folder,
              fileName + ".",
              ".tmp",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (IOException e) {
      throw unwritable(folder, e);
    }
    try {
      String actual = copy(source, temporary);
      if (!actual.equals(sha256)) {
        throw new IOException(
            fileName
                + " on the class path has the SHA-256 "
                + actual
                + " where "
                + sha256
                + " is expected: it is of another version or damaged; put the version that Sluice"
                + " was built with on the class path");
      }
      Files.move(
          temporary, library, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
    return library;
  }

  private static IOException unwritable(Path folder, IOException cause) {
    return new IOException(
        "the cache folder "
            + folder
            + " can't be written: "
            + cause
            + "; free space there, or set the system property sluice.cache to a folder that this"
            + " user can write to",
        cause);
  }

  /** Copies, forces to disk and hashes. */
  private static String copy(Source source, Path target) throws IOException {
    MessageDigest digest = sha256();
    byte[] chunk = new byte[CHUNK_BYTES];
    try (InputStream in = source.open();
        FileChannel out = FileChannel.open(target, StandardOpenOption.WRITE)) {
      for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
        digest.update(chunk, 0, n);
        ByteBuffer bytes = ByteBuffer.wrap(chunk, 0, n);
        try {
          while (bytes.hasRemaining()) {
            out.write(bytes);
          }
        } catch (IOException e) {
          throw unwritable(target.getParent(), e);
        }
      }
      out.force(true);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static String hashOrNull(Path file) throws IOException {
    MessageDigest digest = sha256();
    ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    try (FileChannel in =
        FileChannel.open(file, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
      while (in.read(chunk) >= 0) {
        digest.update(chunk.flip());
        chunk.clear();
      }
    } catch (NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      // A link, a folder, a disk error: whatever it is, it is no library of ours. Where the rename
      // can't replace it, that says why.
      return null;
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Removes what processes left that died while they unpacked. */
  private static void deleteStale(Path folder) throws IOException {
    Instant limit = Instant.now().minus(STALE_AFTER);
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".tmp")).toList()) {
        try {
          if (Files.getLastModifiedTime(file).toInstant().isBefore(limit)) {
            Files.deleteIfExists(file);
          }
        } catch (NoSuchFileException e) {
          // Another process was faster.
        }
      }
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
