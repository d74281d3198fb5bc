package dev.sluice.engine.npy;

import java.io.IOException;

/**
 * A file is no NumPy array, or one of a kind that is not taken. The message names the file, the
 * byte where that makes sense, what is wrong and what to do.
 *
 * <p>Thread safety: as any exception.
 */
public final class NpyException extends IOException {
  private static final long serialVersionUID = 1L;

  /** A failure with its whole message. */
  public NpyException(String message) {
    super(message);
  }
}
