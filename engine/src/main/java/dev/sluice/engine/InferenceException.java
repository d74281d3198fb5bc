package dev.sluice.engine;

/**
 * A request did not end with an answer. {@link #reason} says how it ended; for {@link
 * Reason#BACKEND_FAILED} the cause names the native call, its arguments and the remedy.
 *
 * <p>Thread safety: as any exception.
 */
public final class InferenceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** How a request ended without an answer. */
  public enum Reason {
    /** The run of its batch failed; other batches are not affected. */
    BACKEND_FAILED,
    /** Its deadline had passed when its batch closed. */
    EXPIRED,
    /** It was cancelled, or its waiting caller was interrupted. */
    CANCELLED,
    /**
     * What it wrote is nothing that the package takes: an image size that does not fit. The other
     * requests of its batch are not affected.
     */
    BAD_INPUT,
    /** It was not submitted within {@code claimTimeout}. */
    ABANDONED,
    /** The claim was refused; {@link InferenceException#admission} says why. */
    REFUSED,
    /** The engine closed before it ran. */
    CLOSED
  }

  private final Reason reason;
  private final Admission admission;

  /** A request that was admitted and ended without an answer. */
  public InferenceException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
    this.admission = Admission.ADMITTED;
  }

  /** A claim that was refused where the form of the call has no return value for it. */
  public InferenceException(Admission admission) {
    super("claim refused: " + admission.reason());
    this.reason = Reason.REFUSED;
    this.admission = admission;
  }

  /** How the request ended. */
  public Reason reason() {
    return reason;
  }

  /** Why the claim was refused; {@link Admission#ADMITTED} where it was not. */
  public Admission admission() {
    return admission;
  }
}
