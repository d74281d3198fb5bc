package dev.sluice.bindings.sim;

/**
 * A call of the simulated driver, as its log has it.
 *
 * <p>Thread safety: immutable.
 *
 * @param sequence its number: calls take effect in this order, but for what they wait for
 * @param thread the caller's name
 * @param function the function's name
 * @param arguments for people
 * @param status what it returned, {@link #RUNNING} where it has not
 * @param result the handle or the address that it made; 0 where it made none
 */
public record Call(
    long sequence, String thread, String function, String arguments, int status, long result) {
  /** The status of a call that has not returned yet. */
  public static final int RUNNING = -1;

  @Override
  public String toString() {
    String answer = status == RUNNING ? " is running" : " = " + status;
    String made = result == 0 ? "" : ", made 0x" + Long.toHexString(result);
    return sequence + " [" + thread + "] " + function + "(" + arguments + ")" + answer + made;
  }
}
