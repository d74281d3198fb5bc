package dev.sluice.bindings;

import java.util.Objects;

/**
 * A function of a native library reported a failure. The message names the function, its arguments,
 * the status, what the library says, and the remedy.
 *
 * <p>Thread safety: immutable, but for what every exception lets change.
 */
public class NativeException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String function;
  private final String arguments;
  private final String statusName;
  private final int statusCode;
  private final String libraryMessage;
  private final String remedy;

  /**
   * A failure.
   *
   * @param function the function's name in the library
   * @param arguments its arguments, for people
   * @param statusName the library's name of the status
   * @param statusCode the library's number of the status
   * @param libraryMessage the library's own words; may be empty
   * @param remedy what the caller should do
   */
  public NativeException(
      String function,
      String arguments,
      String statusName,
      int statusCode,
      String libraryMessage,
      String remedy) {
    super(
        failure(function, arguments, statusName, statusCode, libraryMessage)
            + (remedy.isEmpty() ? "" : "; " + remedy));
    this.function = Objects.requireNonNull(function, "function");
    this.arguments = Objects.requireNonNull(arguments, "arguments");
    this.statusName = Objects.requireNonNull(statusName, "statusName");
    this.statusCode = statusCode;
    this.libraryMessage = libraryMessage;
    this.remedy = remedy;
  }

  private static String failure(
      String function, String arguments, String statusName, int statusCode, String message) {
    return function
        + "("
        + arguments
        + ") failed with "
        + statusName
        + " ("
        + statusCode
        + ")"
        + (message.isEmpty() ? "" : ": " + message.strip());
  }

  /** The message without the remedy. */
  public String failure() {
    return failure(function, arguments, statusName, statusCode, libraryMessage);
  }

  /** The function's name in the library. */
  public String function() {
    return function;
  }

  /** The arguments, for people. */
  public String arguments() {
    return arguments;
  }

  /** The library's name of the status. */
  public String statusName() {
    return statusName;
  }

  /** The library's number of the status. */
  public int statusCode() {
    return statusCode;
  }

  /** The library's own words; may be empty. */
  public String libraryMessage() {
    return libraryMessage;
  }

  /** What the caller should do. */
  public String remedy() {
    return remedy;
  }
}
