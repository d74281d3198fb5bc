package dev.sluice.engine;

/**
 * Orders callers that wait for admission, and which batch runs next; never the rows of one batch.
 */
public enum Priority {
  /** Served first. */
  HIGH,
  /** The default. */
  NORMAL
}
