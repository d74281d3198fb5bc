package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaStatus;

/**
 * Ends a call, or an operation on the device, with a status.
 *
 * <p>Thread safety: immutable, but for what every exception lets change.
 */
final class Refused extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int code;

  Refused(CudaStatus status, String reason) {
    this(status.code(), status.cName() + ": " + reason);
  }

  Refused(int code, String reason) {
    super(reason, null, false, false);
    this.code = code;
  }

  int code() {
    return code;
  }
}
