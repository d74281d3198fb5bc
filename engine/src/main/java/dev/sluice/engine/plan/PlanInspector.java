package dev.sluice.engine.plan;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtException;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import java.lang.foreign.MemorySegment;

/**
 * Loads a plan and asks what it is made of.
 *
 * <p>Thread safety: stateless.
 */
public final class PlanInspector {
  private PlanInspector() {}

  /**
   * What TensorRT's inspector tells of the layers: {@code {"Layers": […], "Bindings": […]}}. The
   * primary context of the plan's device is current. Takes the device memory of the plan's weights
   * for the time of the call.
   *
   * @param plan native memory
   * @param label the model's name, for messages
   * @return JSON in TensorRT's own form
   * @throws TensorRtException where TensorRT does not load the plan
   */
  public static String layers(TensorRtApi api, MemorySegment plan, String label) {
    TensorRtLog log = new TensorRtLog("layers of " + label);
    String remedy = "check that the driver answers and libnvinfer is whole: sluice doctor";
    String refused = "the plan can't be used on this device; build it here";
    try (TensorRtApi.Runtime runtime =
            log.made(api.createInferRuntime(log), "createInferRuntime", "", remedy);
        TensorRtApi.Engine engine =
            log.made(
                runtime.deserializeCudaEngine(plan),
                "deserializeCudaEngine",
                label + ", " + plan.byteSize() + " bytes",
                refused)) {
      return log.made(engine.getEngineInformation(), "getEngineInformation", label, refused);
    }
  }
}
