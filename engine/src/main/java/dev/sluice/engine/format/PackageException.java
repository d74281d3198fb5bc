package dev.sluice.engine.format;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A file is not a package that this version can serve. The message names the file, the byte where
 * that makes sense, what is wrong and what to do.
 *
 * <p>Thread safety: as any exception.
 */
public final class PackageException extends IOException {
  private static final long serialVersionUID = 1L;

  /** A failure with its whole message. */
  public PackageException(String message) {
    super(message);
  }

  /** A failure with its whole message and what was thrown below. */
  public PackageException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * A failure at a place of the file.
   *
   * @param file the file
   * @param offset byte offset from its start
   * @param problem what is wrong and what to do
   */
  static PackageException at(Path file, long offset, String problem) {
    return new PackageException(file + ": byte " + offset + ": " + problem);
  }

  /** A failure of the file as a whole. */
  static PackageException of(Path file, String problem) {
    return new PackageException(file + ": " + problem);
  }
}
