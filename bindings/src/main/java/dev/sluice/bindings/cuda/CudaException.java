package dev.sluice.bindings.cuda;

import dev.sluice.bindings.NativeException;

/**
 * A function of the CUDA driver failed.
 *
 * <p>Thread safety: immutable, but for what every exception lets change.
 */
public class CudaException extends NativeException {
  private static final long serialVersionUID = 1L;

  /** A failure; see {@link NativeException}. */
  public CudaException(
      String function,
      String arguments,
      String statusName,
      int statusCode,
      String libraryMessage,
      String remedy) {
    super(function, arguments, statusName, statusCode, libraryMessage, remedy);
  }

  /** What it means for the caller. */
  public CudaStatus.Sort sort() {
    return CudaStatus.sortOf(statusCode());
  }
}
