package dev.sluice.engine.plan;

/**
 * There is no plan. The message says why, and what to do.
 *
 * <p>Thread safety: as any exception.
 */
public sealed class PlanException extends Exception
    permits PlanCancelledException, UnsupportedNodesException {
  private static final long serialVersionUID = 1L;

  /** A failure with its whole message. */
  public PlanException(String message) {
    super(message);
  }

  /** A failure with its whole message and what was thrown below. */
  public PlanException(String message, Throwable cause) {
    super(message, cause);
  }
}
