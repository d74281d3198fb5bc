package dev.sluice.engine.plan;

/**
 * The build was cancelled, by an interrupt of its thread (which stays set) or by its watch. Nothing
 * is left of it.
 *
 * <p>Thread safety: as any exception.
 */
public final class PlanCancelledException extends PlanException {
  private static final long serialVersionUID = 1L;

  /** A cancelled build. */
  PlanCancelledException(String what) {
    super(what + " was cancelled; nothing is left of it");
  }
}
