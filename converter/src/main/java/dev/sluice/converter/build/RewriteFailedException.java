package dev.sluice.converter.build;

/**
 * A rewritten graph does not do what the model does.
 *
 * <p>Thread safety: as any exception.
 */
final class RewriteFailedException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String rewrite;

  /**
   * A failure.
   *
   * @param rewrite whose fault it is; null where any may be it
   * @param problem what differs
   */
  RewriteFailedException(String rewrite, String problem) {
    super(problem);
    this.rewrite = rewrite;
  }

  RewriteFailedException(Exception cause) {
    super(cause.getMessage(), cause);
    this.rewrite = null;
  }

  /** The rewrite whose fault it is, or null. */
  String rewrite() {
    return rewrite;
  }
}
