package dev.sluice.converter.precision;

/** A bar of accuracy that no choice of layers meets; the message says how near it came. */
public final class BarNotMetException extends Exception {
  private static final long serialVersionUID = 1L;

  BarNotMetException(String message) {
    super(message);
  }
}
