package dev.sluice.converter.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A folder for a while, beside a file that is being made, for what it is made of, or where the
 * system has temporary files; it goes with all that is in it.
 *
 * <p>Thread safety: one thread.
 */
final class Scratch implements AutoCloseable {
  private final Path folder;

  /** Makes the folder beside a file. */
  Scratch(Path beside) throws IOException {
    Path absolute = beside.toAbsolutePath();
    folder = Files.createTempDirectory(absolute.getParent(), "." + absolute.getFileName() + ".");
  }

  /** Makes the folder where the system has temporary files. */
  Scratch(String prefix) throws IOException {
    folder = Files.createTempDirectory(prefix);
  }

  /** The folder. */
  Path folder() {
    return folder;
  }

  /** A folder inside. */
  Path folder(String name) throws IOException {
    return Files.createDirectory(folder.resolve(name));
  }

  @Override
  public void close() throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(folder)) {
      all = walk.sorted(Comparator.reverseOrder()).toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    for (Path path : all) {
      Files.deleteIfExists(path);
    }
  }
}
