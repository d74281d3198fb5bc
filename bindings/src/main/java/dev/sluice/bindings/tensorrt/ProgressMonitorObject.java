package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandles;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A C++ object of class {@code nvinfer1::IProgressMonitor} whose functions are Java's. It declares,
 * in {@code NvInfer.h}: phaseStart, stepComplete, phaseFinish.
 *
 * <p>Thread safety: TensorRT calls it from any of its threads, several at once.
 */
final class ProgressMonitorObject extends InterfaceObject {
  private static final System.Logger LOG = System.getLogger("dev.sluice.tensorrt");

  private final TensorRtApi.ProgressMonitor listener;
  private final Map<String, Integer> stepsOfPhase = new ConcurrentHashMap<>();
  private volatile boolean cancelled;

  ProgressMonitorObject(TensorRtApi.ProgressMonitor listener) {
    super(
        "IProgressMonitor",
        MethodHandles.lookup(),
        new Function(
            "phaseStart", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT)),
        new Function(
            "stepComplete", FunctionDescriptor.of(JAVA_BOOLEAN, JAVA_LONG, JAVA_LONG, JAVA_INT)),
        new Function("phaseFinish", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG)));
    this.listener = listener;
  }

  @SuppressWarnings("unused") // a stub
  private void phaseStart(long self, long phase, long parent, int steps) {
    String name = text(phase);
    stepsOfPhase.put(name, steps);
    // What starts a phase can't end the build; the next step does.
    tell(name, 0, steps);
  }

  @SuppressWarnings("unused") // a stub
  private boolean stepComplete(long self, long phase, int step) {
    String name = text(phase);
    // TensorRT counts steps from 0.
    return tell(name, step + 1, stepsOfPhase.getOrDefault(name, step + 1));
  }

  @SuppressWarnings("unused") // a stub
  private void phaseFinish(long self, long phase) {
    stepsOfPhase.remove(text(phase));
  }

  /** Asks the listener, until it has once said no. */
  private boolean tell(String phase, int step, int steps) {
    if (cancelled) {
      return false;
    }
    try {
      if (!listener.step(phase, step, steps)) {
        cancelled = true;
      }
    } catch (RuntimeException | Error e) {
      // TensorRT's code lets no exception through: the process would end.
      LOG.log(
          System.Logger.Level.ERROR,
          "the build is cancelled: its progress monitor failed at " + phase,
          e);
      cancelled = true;
    }
    return !cancelled;
  }
}
