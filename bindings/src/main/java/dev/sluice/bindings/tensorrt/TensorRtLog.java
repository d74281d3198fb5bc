package dev.sluice.bindings.tensorrt;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;

/**
 * What TensorRT says: goes to the {@link System.Logger} {@code dev.sluice.tensorrt} with its
 * severity, and errors are kept until the call that they belong to is judged. TensorRT logs on the
 * thread that calls it, so errors belong to the thread that said them. It has threads of its own,
 * too, which judge nothing: what they say is in the exception of whichever call fails.
 *
 * <p>An error is told once: where its call fails in the exception alone, else by the logger. Until
 * then the logger has it at {@code DEBUG}.
 *
 * <p>Thread safety: any thread. Calls that threads of TensorRT work for at the same time are not
 * told apart, so each builder has a log of its own.
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

    /** Whether it belongs to a call that failed. */
    boolean isError() {
      return level == System.Logger.Level.ERROR;
    }
  }

  private static final System.Logger LOG = System.getLogger("dev.sluice.tensorrt");

  /** More errors than that tell nothing new. */
  private static final int MAX_ERRORS = 64;

  private final String label;

  /** What each thread said since it judged a call; guarded by itself, as the next. */
  private final Map<Thread, List<String>> errors = new WeakHashMap<>();

  /** Threads that judge calls. */
  private final Map<Thread, Boolean> judges = new WeakHashMap<>();

  /**
   * A log, whose calls this thread judges; others do so from their first {@link #check} on.
   *
   * @param label what the calls are for, before each line
   */
  public TensorRtLog(String label) {
    this(label, true);
  }

  /**
   * A log.
   *
   * @param judged whether calls are; else errors go to the logger at once
   */
  TensorRtLog(String label, boolean judged) {
    this.label = label;
    if (judged) {
      judges.put(Thread.currentThread(), true);
    }
  }

  /** Takes what TensorRT says. */
  public void log(Severity severity, String message) {
    boolean kept = severity.isError() && keep(message);
    LOG.log(kept ? System.Logger.Level.DEBUG : severity.level, () -> label + ": " + message);
  }

  /** Keeps an error; whether the logger has to hear of it later. */
  private boolean keep(String message) {
    Thread thread = Thread.currentThread();
    synchronized (errors) {
      List<String> own = errors.computeIfAbsent(thread, _ -> new ArrayList<>());
      boolean room = own.size() < MAX_ERRORS;
      if (room) {
        own.add(message);
      }
      return room && judges.containsKey(thread);
    }
  }

  /** Whether there are errors that belong to no judged call yet. */
  public boolean hasErrors() {
    synchronized (errors) {
      return !errors.isEmpty();
    }
  }

  /** Gives the logger what waits for a judgement that will not come. */
  void tellRest() {
    List<String> rest = new ArrayList<>();
    synchronized (errors) {
      errors.forEach((thread, said) -> rest.addAll(judges.containsKey(thread) ? said : List.of()));
      errors.clear();
    }
    rest.forEach(this::tell);
  }

  private void tell(String error) {
    LOG.log(System.Logger.Level.ERROR, () -> label + ": " + error);
  }

  /**
   * Judges a call of this thread by its result, and forgets the errors that the thread said so far:
   * they are in the exception, or, where the call succeeded all the same, in the log.
   *
   * @param succeeded what its result says
   * @param function TensorRT's name of the method
   * @param arguments its arguments, for people
   * @param remedy what the caller should do
   * @throws TensorRtException where it failed
   */
  public void check(boolean succeeded, String function, String arguments, String remedy) {
    Thread thread = Thread.currentThread();
    List<String> said = new ArrayList<>();
    boolean told;
    synchronized (errors) {
      told = judges.put(thread, true) == null;
      List<String> own = errors.remove(thread);
      if (own != null) {
        said.addAll(own);
      }
      if (!succeeded) {
        errors.forEach((other, its) -> said.addAll(judges.containsKey(other) ? List.of() : its));
      }
    }
    if (!succeeded) {
      throw new TensorRtException(function, arguments, String.join("; ", said), remedy);
    }
    if (!told) {
      said.forEach(this::tell);
    }
  }

  /** Judges a call by whether it made an object; see {@link #check}. */
  public <T> T made(T object, String function, String arguments, String remedy) {
    check(object != null, function, arguments, remedy);
    return object;
  }
}
