package dev.sluice.converter.onnx;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A file is no ONNX model, or none that can be served. The message names the file, the byte or the
 * node where that makes sense, what is wrong and what to do.
 *
 * <p>Thread safety: as any exception.
 */
public final class ModelException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * A failure.
   *
   * @param file the model
   * @param problem what is wrong and what to do
   */
  public ModelException(Path file, String problem) {
    super(file + ": " + problem);
  }

  /**
   * A failure with what was thrown below.
   *
   * @param file the model
   * @param problem what is wrong and what to do
   * @param cause what was thrown
   */
  public ModelException(Path file, String problem, Throwable cause) {
    super(file + ": " + problem, cause);
  }
}
