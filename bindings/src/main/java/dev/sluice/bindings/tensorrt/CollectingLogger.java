package dev.sluice.bindings.tensorrt;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.tensorrt.nvinfer.ILogger;

/**
 * Keeps what TensorRT reports, and judges its calls: a failed {@code createInferRuntime} returns a
 * pointer that is not null and must not be used, so only the errors in here tell.
 *
 * <p>Thread safety: TensorRT may log from any thread.
 */
final class CollectingLogger extends ILogger {
  private final List<String> errors = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();

  @Override
  public void log(ILogger.Severity severity, String message) {
    // The callback's enum object is not one of the constants: only its value is set.
    ILogger.Severity known = severity.intern();
    synchronized (errors) {
      if (known == ILogger.Severity.kINTERNAL_ERROR || known == ILogger.Severity.kERROR) {
        errors.add(message);
      } else if (known == ILogger.Severity.kWARNING) {
        warnings.add(message);
      }
    }
  }

  /** The errors since the last call. */
  private List<String> takeErrors() {
    synchronized (errors) {
      List<String> taken = List.copyOf(errors);
      errors.clear();
      return taken;
    }
  }

  /** The warnings since the last call. */
  List<String> takeWarnings() {
    synchronized (errors) {
      List<String> taken = List.copyOf(warnings);
      warnings.clear();
      return taken;
    }
  }

  /**
   * Judges a call by its result; errors of a call that succeeded are kept as warnings.
   *
   * @param call the call and its arguments
   * @param succeeded what its result says
   * @param remedy what to do where it failed
   */
  void check(String call, boolean succeeded, String remedy) throws ProbeSteps.Failure {
    List<String> taken = takeErrors();
    if (!succeeded) {
      throw failure(call, taken, remedy);
    }
    synchronized (errors) {
      taken.forEach(error -> warnings.add("error of " + call + ", which succeeded: " + error));
    }
  }

  /** Judges a call by its result and by the errors: for those that may return a bogus pointer. */
  void checkSilent(String call, boolean succeeded, String remedy) throws ProbeSteps.Failure {
    List<String> taken = takeErrors();
    if (!succeeded || !taken.isEmpty()) {
      throw failure(call, taken, remedy);
    }
  }

  private static ProbeSteps.Failure failure(String call, List<String> taken, String remedy) {
    StringBuilder text = new StringBuilder(call).append(" failed: ").append(remedy);
    if (taken.isEmpty()) {
      text.append("\nTensorRT logged no error");
    }
    taken.forEach(error -> text.append("\nTensorRT: ").append(error));
    return new ProbeSteps.Failure(text.toString());
  }
}
