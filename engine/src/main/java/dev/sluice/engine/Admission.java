package dev.sluice.engine;

/**
 * How a claim ended: admitted, or refused with the reason. A refusal is an expected answer of a
 * loaded engine, not an error.
 */
public enum Admission {
  /** The rows are the caller's. */
  ADMITTED("admitted"),
  /** Every batch buffer is filling, waiting, running or being read: try again, or shed load. */
  FULL("every batch buffer is in use; try again later, or raise EngineOptions.buffersPerShape"),
  /** {@code maxPending} rows are claimed and not closed. */
  PENDING_LIMIT(
      "maxPending rows are in flight; try again later, or raise EngineOptions.maxPending"),
  /** Callers of at least the same priority already wait, and newcomers do not overtake them. */
  QUEUED_BEHIND("other callers wait for admission; use claim with a timeout to join them"),
  /** Too many callers hold rows past {@code claimTimeout} or {@code readTimeout}. */
  QUARANTINED(
      "maxQuarantined batch buffers are held by callers that neither submit nor close; the log names"
          + " them"),
  /** The request's deadline passed before it was admitted. */
  EXPIRED("the deadline has passed"),
  /** The claim's own timeout passed while it waited for admission. */
  TIMED_OUT("no rows became free within the claim's timeout"),
  /** The engine is closing or closed. */
  CLOSED("the engine is closed"),
  /** The engine lost its device or every lane, and serves no more. */
  FAILED("the engine has failed; its failure() says why");

  private final String reason;

  Admission(String reason) {
    this.reason = reason;
  }

  /** Whether the rows are the caller's. */
  public boolean admitted() {
    return this == ADMITTED;
  }

  /** What happened and what the caller can do, for messages. */
  public String reason() {
    return reason;
  }
}
