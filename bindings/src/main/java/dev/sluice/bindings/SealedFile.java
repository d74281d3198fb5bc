package dev.sluice.bindings;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Files of a {@link CacheDirectory} whose content is checked: a magic that names the format, the
 * SHA-256 of the file's name, a zero and the content, and the content. One that is damaged, cut, of
 * another format, or was renamed, is removed and counts as missing.
 *
 * <p>Files are written beside their place and renamed, so that nobody reads half of one, and a
 * mapped one is replaced, never changed. They are readable by this user alone.
 *
 * <p>Thread safety: stateless; any thread, any number of processes.
 */
public final class SealedFile {
  private static final int HASH_BYTES = 32;

  /** Bytes that are hashed and written at once. */
  private static final int CHUNK_BYTES = 1 << 20;

  private static final String TEMPORARY_END = ".tmp";

  /** Nobody writes that long: an hour. */
  private static final long ABANDONED_MS = 3_600_000;

  private SealedFile() {}

  /**
   * Writes a file with its seal.
   *
   * @param target the file; replaced where it is there
   * @param magic ASCII
   * @throws IOException where it can't be written; nothing is left of it then
   */
  public static void write(Path target, String magic, MemorySegment content) throws IOException {
    replace(target, List.of(head(magic), MemorySegment.ofArray(hash(target, content)), content));
  }

  /**
   * Writes a file beside its place, forces it to disk and renames it.
   *
   * @param target the file; replaced where it is there
   * @param parts what to write, one behind the other
   * @throws IOException where it can't be written; nothing is left of it then
   */
  public static void replace(Path target, List<MemorySegment> parts) throws IOException {
    Path temporary =
        Files.createTempFile(
            target.getParent(),
            ".sluice",
            TEMPORARY_END,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try {
      try (FileChannel out = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
        for (MemorySegment part : parts) {
          write(out, part);
        }
        out.force(true);
      }
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static void write(FileChannel out, MemorySegment part) throws IOException {
    for (long at = 0; at < part.byteSize(); at += CHUNK_BYTES) {
      ByteBuffer chunk = chunk(part, at);
      while (chunk.hasRemaining()) {
        out.write(chunk);
      }
    }
  }

  /**
   * Maps the content of a file; an interrupt does not end that, and stays.
   *
   * @param magic as it was written
   * @param arena unmaps it
   * @param log hears of a file that is removed
   * @return read-only, or empty where there is no file that holds
   * @throws IOException where a file that does not hold can't be removed
   */
  public static Optional<MemorySegment> find(
      Path file, String magic, Arena arena, System.Logger log) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          return findOnce(file, magic, arena, log);
        } catch (ClosedByInterruptException e) {
          interrupted |= Thread.interrupted();
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static Optional<MemorySegment> findOnce(
      Path file, String magic, Arena arena, System.Logger log) throws IOException {
    String problem;
    try (FileChannel in =
        FileChannel.open(file, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
      MemorySegment all = in.map(FileChannel.MapMode.READ_ONLY, 0, in.size(), arena);
      MemorySegment head = head(magic);
      long contentOffset = head.byteSize() + HASH_BYTES;
      if (all.byteSize() <= contentOffset || all.asSlice(0, head.byteSize()).mismatch(head) >= 0) {
        problem = "it is cut, or of another format";
      } else {
        MemorySegment content = all.asSlice(contentOffset);
        MemorySegment written = all.asSlice(head.byteSize(), HASH_BYTES);
        if (written.mismatch(MemorySegment.ofArray(hash(file, content))) < 0) {
          return Optional.of(content);
        }
        problem = "its content is not what was written";
      }
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException | InternalError e) {
      // A link, a folder, a disk error, or cut while it was read: it is none of ours.
      problem = e.toString();
    }
    log.log(System.Logger.Level.WARNING, "removing {0}: {1}", file, problem);
    Files.deleteIfExists(file);
    return Optional.empty();
  }

  /**
   * Removes what processes left that were killed while they wrote.
   *
   * @param folder all of whose files are written by this class
   */
  public static void removeAbandoned(Path folder) throws IOException {
    long before = System.currentTimeMillis() - ABANDONED_MS;
    try (DirectoryStream<Path> left = Files.newDirectoryStream(folder, "*" + TEMPORARY_END)) {
      for (Path file : left) {
        if (modifiedMs(file) < before) {
          Files.deleteIfExists(file);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  /** When a file was written last, in milliseconds since 1970; 0 where it is gone. */
  public static long modifiedMs(Path file) {
    try {
      return Files.getLastModifiedTime(file).toMillis();
    } catch (IOException e) {
      return 0;
    }
  }

  private static MemorySegment head(String magic) {
    return MemorySegment.ofArray(magic.getBytes(StandardCharsets.US_ASCII));
  }

  private static byte[] hash(Path file, MemorySegment content) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(file.getFileName().toString().getBytes(StandardCharsets.UTF_8));
      digest.update((byte) 0);
      for (long at = 0; at < content.byteSize(); at += CHUNK_BYTES) {
        digest.update(chunk(content, at));
      }
      return digest.digest();
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  private static ByteBuffer chunk(MemorySegment data, long at) {
    return data.asSlice(at, Math.min(CHUNK_BYTES, data.byteSize() - at)).asByteBuffer();
  }
}
