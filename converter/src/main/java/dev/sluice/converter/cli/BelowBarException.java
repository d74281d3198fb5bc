package dev.sluice.converter.cli;

/**
 * The command ran, but what it measured is not good enough.
 *
 * <p>Thread safety: as any exception.
 */
final class BelowBarException extends Exception {
  private static final long serialVersionUID = 1L;

  BelowBarException(String message) {
    super(message);
  }
}
