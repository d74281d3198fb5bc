package dev.sluice.kernels.compile;

import dev.sluice.bindings.CacheDirectory;
import dev.sluice.bindings.SealedFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Cubins on disk, in {@code kernels/} below the {@link CacheDirectory}, which is private to the
 * user: {@code KEY-VERSION.cubin}, where the key is a hash of all that was compiled and the version
 * is the compiler's, each a {@link SealedFile}. Where the folder cannot be used, nothing is kept,
 * and the log says so once.
 *
 * <p>Thread safety: any thread, any number of processes.
 */
final class CubinCache {
  /** The format; a new one gets another. */
  static final String MAGIC = "SluiceCubin1\n";

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
        .sorted(Comparator.comparingLong(SealedFile::modifiedMs).reversed())
        .flatMap(file -> read(file).stream())
        .findFirst();
  }

  /** Keeps a cubin, where that is possible. */
  void keep(String key, String version, byte[] cubin) {
    Optional<Path> folder = folder();
    if (folder.isEmpty()) {
      return;
    }
    try {
      SealedFile.write(
          folder.get().resolve(name(key, version)), MAGIC, MemorySegment.ofArray(cubin));
      SealedFile.removeAbandoned(folder.get());
    } catch (IOException e) {
      complain(e);
    }
  }

  private Optional<byte[]> read(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      return SealedFile.find(file, MAGIC, arena, LOG)
          .map(content -> content.toArray(ValueLayout.JAVA_BYTE));
    } catch (IOException e) {
      complain(e);
      return Optional.empty();
    }
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
}
