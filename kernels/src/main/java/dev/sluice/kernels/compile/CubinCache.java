package dev.sluice.kernels.compile;

import dev.sluice.bindings.CacheDirectory;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Cubins on disk, in {@code kernels/} below the {@link CacheDirectory}, which is private to the
 * user: {@code KEY-VERSION.cubin}, where the key is a hash of all that was compiled and the version
 * is the compiler's. A file is {@link #MAGIC}, the SHA-256 of its name and its content, and the
 * content. One that is damaged, cut, of another format, or was renamed, is removed and counts as
 * missing.
 *
 * <p>A file is written beside and renamed, so that nobody reads half of one. Where the folder
 * cannot be used, nothing is kept, and the log says so once.
 *
 * <p>Thread safety: any thread, any number of processes.
 */
final class CubinCache {
  /** The format; a new one gets another. */
  static final byte[] MAGIC = "SluiceCubin1\n".getBytes(StandardCharsets.UTF_8);

  /** A cubin of ours is some 100 KB; nothing larger is read. */
  private static final long MAX_BYTES = 64L << 20;

  private static final int HASH_BYTES = 32;

  private static final String TEMPORARY = "cubin";
  private static final String TEMPORARY_END = ".tmp";

  /** Nobody writes that long: an hour. */
  private static final long ABANDONED_MS = 3_600_000;

  private static final System.Logger LOG = System.getLogger(CubinCache.class.getName());

  private final AtomicBoolean complained = new AtomicBoolean();

  /** What was kept for a key by a version of the compiler. */
  Optional<byte[]> find(String key, String version) {
    return folder().flatMap(folder -> read(folder.resolve(name(key, version))));
  }

  /** What was kept for a key by any version, the newest file first. */
  Optional<byte[]> findAnyVersion(String key) {
    Optional<Path> folder = folder();
    if (folder.isEmpty()) {
      return Optional.empty();
    }
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> matching =
        Files.newDirectoryStream(folder.get(), key + "-*.cubin")) {
      matching.forEach(files::add);
    } catch (IOException e) {
      complain(e);
    }
    return files.stream()
        .sorted(Comparator.comparingLong(CubinCache::modified).reversed())
        .flatMap(file -> read(file).stream())
        .findFirst();
  }

  /** Keeps a cubin, where that is possible. */
  void keep(String key, String version, byte[] cubin) {
    Optional<Path> folder = folder();
    if (folder.isEmpty()) {
      return;
    }
    Path target = folder.get().resolve(name(key, version));
    try {
      Path temporary =
          Files.createTempFile(
              folder.get(),
              TEMPORARY,
              TEMPORARY_END,
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      try {
        write(temporary, target, cubin);
        Files.move(
            temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
      removeAbandoned(folder.get());
    } catch (IOException e) {
      complain(e);
    }
  }

  /** What processes left that were killed while they wrote. */
  private static void removeAbandoned(Path folder) throws IOException {
    long before = System.currentTimeMillis() - ABANDONED_MS;
    try (DirectoryStream<Path> left =
        Files.newDirectoryStream(folder, TEMPORARY + "*" + TEMPORARY_END)) {
      for (Path file : left) {
        if (modified(file) < before) {
          Files.deleteIfExists(file);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  private static void write(Path temporary, Path target, byte[] cubin) throws IOException {
    try (FileChannel out = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
      for (byte[] part : new byte[][] {MAGIC, hash(target, cubin), cubin}) {
        ByteBuffer bytes = ByteBuffer.wrap(part);
        while (bytes.hasRemaining()) {
          out.write(bytes);
        }
      }
      out.force(true);
    }
  }

  private Optional<byte[]> read(Path file) {
    byte[] all;
    try (InputStream in =
        Files.newInputStream(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
      all = in.readNBytes((int) MAX_BYTES);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      // A link, a folder, a disk error: it is none of ours.
      return remove(file, e.toString());
    }
    int head = MAGIC.length + HASH_BYTES;
    if (all.length <= head || Arrays.mismatch(all, 0, MAGIC.length, MAGIC, 0, MAGIC.length) >= 0) {
      return remove(file, "it is cut, or of another format");
    }
    byte[] content = Arrays.copyOfRange(all, head, all.length);
    if (!MessageDigest.isEqual(hash(file, content), Arrays.copyOfRange(all, MAGIC.length, head))) {
      return remove(file, "its content is not what was written");
    }
    return Optional.of(content);
  }

  private Optional<byte[]> remove(Path file, String reason) {
    LOG.log(System.Logger.Level.WARNING, "removing {0}: {1}", file, reason);
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      complain(e);
    }
    return Optional.empty();
  }

  private Optional<Path> folder() {
    try {
      return Optional.of(CacheDirectory.open("kernels"));
    } catch (IOException e) {
      complain(e);
      return Optional.empty();
    }
  }

  private void complain(IOException e) {
    if (complained.compareAndSet(false, true)) {
      LOG.log(System.Logger.Level.WARNING, "compiled kernels are not kept: {0}", e.getMessage());
    }
  }

  private static String name(String key, String version) {
    return key + "-" + version + ".cubin";
  }

  /** Where it is gone: of the beginning of time. */
  private static long modified(Path file) {
    try {
      return Files.getLastModifiedTime(file).toMillis();
    } catch (IOException e) {
      return 0;
    }
  }

  private static byte[] hash(Path file, byte[] content) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(file.getFileName().toString().getBytes(StandardCharsets.UTF_8));
      digest.update((byte) 0);
      return digest.digest(content);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
