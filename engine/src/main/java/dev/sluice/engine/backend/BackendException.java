package dev.sluice.engine.backend;

/**
 * A native call failed. The message names the function, its arguments, the status and the remedy.
 *
 * <p>Thread safety: as any exception.
 */
public final class BackendException extends Exception {
  private static final long serialVersionUID = 1L;

  private final boolean deviceLost;

  /** A failure that spoils one lane at most. */
  public BackendException(String message, Throwable cause) {
    this(message, cause, false);
  }

  /**
   * A failure.
   *
   * @param message function, arguments, status and remedy
   * @param cause what the binding threw, or null
   * @param deviceLost whether the device is gone for the whole process
   */
  public BackendException(String message, Throwable cause, boolean deviceLost) {
    super(message, cause);
    this.deviceLost = deviceLost;
  }

  /** Whether the device is gone for the whole process (a sticky CUDA error). */
  public boolean deviceLost() {
    return deviceLost;
  }
}
