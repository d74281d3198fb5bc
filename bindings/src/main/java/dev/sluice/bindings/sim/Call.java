package dev.sluice.bindings.sim;

/**
 * A call of the simulated driver, as its log has it.
 *
 * <p>Thread safety: immutable.
 *
 * @param sequence its number
 * @param thread the caller's name
 * @param function the function's name
 * @param arguments for people
 * @param status what it returned
 */
public record Call(long sequence, String thread, String function, String arguments, int status) {
  @Override
  public String toString() {
    return sequence + " [" + thread + "] " + function + "(" + arguments + ") = " + status;
  }
}
