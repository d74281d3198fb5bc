package dev.sluice.converter.graph;

/**
 * The operations of a node are not known. The message says why, to stand behind the node's name.
 *
 * <p>Thread safety: as any exception.
 */
final class NotCountedException extends Exception {
  static final String TOO_MANY = "it takes more operations than a number of 64 bits holds";

  private static final long serialVersionUID = 1L;

  NotCountedException(String reason) {
    super(reason);
  }

  NotCountedException(String reason, Exception cause) {
    super(reason, cause);
  }

  /** A shape that the count needs is not known before a run. */
  static NotCountedException unknownShape(String value) {
    return new NotCountedException("the shape of '" + value + "' is not known before a run");
  }
}
