package dev.sluice.converter.cli;

/**
 * The command ran, and something in it failed.
 *
 * <p>Thread safety: as any exception.
 */
final class RunFailedException extends Exception {
  private static final long serialVersionUID = 1L;

  RunFailedException(String message) {
    super(message);
  }
}
