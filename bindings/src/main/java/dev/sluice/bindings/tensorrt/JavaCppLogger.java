package dev.sluice.bindings.tensorrt;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.bytedeco.tensorrt.nvinfer.ILogger;

/**
 * Gives what TensorRT says to a {@link TensorRtLog}.
 *
 * <p>TensorRT keeps the logger that it was given first for all that belongs to no builder or
 * runtime, so a logger is never freed: it goes to the next builder or runtime, and there are as
 * many as there were builders and runtimes at once. For the same reason what is said during {@link
 * #within} goes to the logger of that call, whichever TensorRT says it to.
 *
 * <p>Thread safety: TensorRT logs from any thread.
 */
final class JavaCppLogger extends ILogger {
  private static final TensorRtLog NOBODYS = new TensorRtLog("TensorRT", false);

  /** Keeps every logger from the garbage collector, which would free its C++ object. */
  private static final List<JavaCppLogger> ALL = new ArrayList<>();

  /** Those that no builder or runtime has; both lists are guarded by {@link #ALL}. */
  private static final Deque<JavaCppLogger> IDLE = new ArrayDeque<>();

  private static final ThreadLocal<JavaCppLogger> CALLER = new ThreadLocal<>();

  private final AtomicInteger errors = new AtomicInteger();
  private volatile TensorRtLog log = NOBODYS;

  private JavaCppLogger() {}

  /** A logger for a builder or runtime, until {@link #giveBack}. */
  static JavaCppLogger take(TensorRtLog log) {
    synchronized (ALL) {
      JavaCppLogger logger = IDLE.poll();
      if (logger == null) {
        logger = new JavaCppLogger();
        ALL.add(logger);
      }
      logger.errors.set(0);
      logger.log = log;
      return logger;
    }
  }

  /** Ends its use; what TensorRT still says to it goes to the system's log alone. */
  void giveBack() {
    log.tellRest();
    synchronized (ALL) {
      log = NOBODYS;
      IDLE.push(this);
    }
  }

  /** Makes a call; what TensorRT says on this thread meanwhile goes to this logger's log. */
  <T> T within(Supplier<T> call) {
    CALLER.set(this);
    try {
      return call.get();
    } finally {
      CALLER.remove();
    }
  }

  /** How many errors there were since {@link #take}. */
  int errors() {
    return errors.get();
  }

  /** Logs what TensorRT does not log itself. */
  void error(String message) {
    add(TensorRtLog.Severity.ERROR, message);
  }

  @Override
  public void log(ILogger.Severity severity, String message) {
    JavaCppLogger caller = CALLER.get();
    try {
      (caller == null ? this : caller)
          .add(PresetEnums.ours(TensorRtLog.Severity.class, severity.intern()), message);
    } catch (RuntimeException | Error e) {
      // TensorRT's caller is C++ that lets no exception through: the process would end.
      System.getLogger("dev.sluice.tensorrt").log(System.Logger.Level.WARNING, "lost a line", e);
    }
  }

  private void add(TensorRtLog.Severity severity, String message) {
    if (severity.isError()) {
      errors.incrementAndGet();
    }
    log.log(severity, message);
  }
}
