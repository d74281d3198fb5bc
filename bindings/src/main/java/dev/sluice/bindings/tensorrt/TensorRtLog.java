package dev.sluice.bindings.tensorrt;

import java.util.ArrayList;
import java.util.List;

/**
 * What TensorRT says: goes to the {@link System.Logger} {@code dev.sluice.tensorrt} with its
 * severity, and errors are kept until the call that they belong to is judged.
 *
 * <p>Thread safety: TensorRT logs from any thread. Errors of calls that run at the same time under
 * one log are not told apart, so each builder has a log of its own.
 */
public final class TensorRtLog {
  /** {@code nvinfer1::ILogger::Severity}. */
  public enum Severity {
    /** TensorRT itself is broken. */
    INTERNAL_ERROR(System.Logger.Level.ERROR),
    /** A call failed. */
    ERROR(System.Logger.Level.ERROR),
    /** Something is not as it should be. */
    WARNING(System.Logger.Level.WARNING),
    /** What it does. */
    INFO(System.Logger.Level.DEBUG),
    /** Every step of it. */
    VERBOSE(System.Logger.Level.TRACE);

    private final System.Logger.Level level;

    Severity(System.Logger.Level level) {
      this.level = level;
    }
  }

  private static final System.Logger LOG = System.getLogger("dev.sluice.tensorrt");

  /** More errors than that tell nothing new. */
  private static final int MAX_ERRORS = 64;

  private final String label;
  private final List<String> errors = new ArrayList<>();

  /**
   * A log.
   *
   * @param label what the calls are for, before each line
   */
  public TensorRtLog(String label) {
    this.label = label;
  }

  /** Takes what TensorRT says. */
  public void log(Severity severity, String message) {
    LOG.log(severity.level, () -> label + ": " + message);
    if (severity.level == System.Logger.Level.ERROR) {
      synchronized (errors) {
        if (errors.size() < MAX_ERRORS) {
          errors.add(message);
        }
      }
    }
  }

  /** Whether there are errors that belong to no judged call yet. */
  public boolean hasErrors() {
    synchronized (errors) {
      return !errors.isEmpty();
    }
  }

  /**
   * Judges a call by its result, and forgets the errors so far: they are in the exception, or,
   * where the call succeeded all the same, in the log.
   *
   * @param succeeded what its result says
   * @param function TensorRT's name of the method
   * @param arguments its arguments, for people
   * @param remedy what the caller should do
   * @throws TensorRtException where it failed
   */
  public void check(boolean succeeded, String function, String arguments, String remedy) {
    String said;
    synchronized (errors) {
      said = String.join("; ", errors);
      errors.clear();
    }
    if (!succeeded) {
      throw new TensorRtException(function, arguments, said, remedy);
    }
  }

  /** Judges a call by whether it made an object; see {@link #check}. */
  public <T> T made(T object, String function, String arguments, String remedy) {
    check(object != null, function, arguments, remedy);
    return object;
  }
}
