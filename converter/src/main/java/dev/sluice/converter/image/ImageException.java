package dev.sluice.converter.image;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A file is no image that can be used. The message names the file and says what to do.
 *
 * <p>Thread safety: as any exception.
 */
public final class ImageException extends IOException {
  private static final long serialVersionUID = 1L;

  ImageException(Path file, String problem) {
    super(file + ": " + problem);
  }

  ImageException(Path file, String problem, Throwable cause) {
    super(file + ": " + problem, cause);
  }
}
