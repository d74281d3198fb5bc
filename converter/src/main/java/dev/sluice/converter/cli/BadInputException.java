package dev.sluice.converter.cli;

/**
 * What the user gave can't be used. The message names it and says what to do.
 *
 * <p>Thread safety: as any exception.
 */
final class BadInputException extends Exception {
  private static final long serialVersionUID = 1L;

  BadInputException(String message) {
    super(message);
  }

  BadInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
