package dev.sluice.bench.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * Where the packages are that a benchmark opens: the folder that the system property {@value
 * #PROPERTY} names, which many runs share, or one of its own that goes when it is closed.
 *
 * <p>Thread safety: immutable.
 */
public final class PackageFolder implements AutoCloseable {
  /** Names a folder that many runs share. */
  public static final String PROPERTY = "sluice.bench.packages";

  private final Path path;
  private final boolean own;

  /** The folder that {@value #PROPERTY} names, or a new one. */
  public PackageFolder() throws IOException {
    String shared = System.getProperty(PROPERTY);
    own = shared == null;
    path = own ? Files.createTempDirectory("sluice-bench-") : Path.of(shared);
  }

  /** The folder. */
  public Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    if (own) {
      try (Stream<Path> files = Files.walk(path)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }
}
