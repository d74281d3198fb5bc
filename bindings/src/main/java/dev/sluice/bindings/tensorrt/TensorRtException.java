package dev.sluice.bindings.tensorrt;

import dev.sluice.bindings.NativeException;

/**
 * TensorRT refused a call; its own words are in the message.
 *
 * <p>Thread safety: immutable, but for what every exception lets change.
 */
public class TensorRtException extends NativeException {
  private static final long serialVersionUID = 1L;

  /**
   * A refusal.
   *
   * @param function TensorRT's name of the method
   * @param arguments its arguments, for people
   * @param said the errors that TensorRT logged, in their order; may be empty
   * @param remedy what the caller should do
   */
  public TensorRtException(String function, String arguments, String said, String remedy) {
    super(function, arguments, "no result", 0, said, remedy);
  }
}
