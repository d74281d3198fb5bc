package dev.sluice.bindings.tensorrt;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandles;
import java.util.function.Consumer;

/**
 * A C++ object of class {@code nvinfer1::IProfiler} whose function is Java's. It declares, in
 * {@code NvInferRuntime.h}: reportLayerTime.
 *
 * <p>Thread safety: as its execution context.
 */
final class ProfilerObject extends InterfaceObject {
  private final TensorRtApi.Profiler listener;
  private final Consumer<String> errors;

  /**
   * Makes an object.
   *
   * @param errors gets what the listener throws
   */
  ProfilerObject(TensorRtApi.Profiler listener, Consumer<String> errors) {
    super(
        "IProfiler",
        MethodHandles.lookup(),
        new Function(
            "reportLayerTime", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_FLOAT)));
    this.listener = listener;
    this.errors = errors;
  }

  @SuppressWarnings("unused") // a stub
  private void reportLayerTime(long self, long layerName, float ms) {
    try {
      listener.reportLayerTime(text(layerName), ms);
    } catch (RuntimeException | Error e) {
      // TensorRT's code lets no exception through: the process would end.
      errors.accept("the profiler failed: " + e);
    }
  }
}
