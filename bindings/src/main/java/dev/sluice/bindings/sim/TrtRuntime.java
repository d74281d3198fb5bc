package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.sluice.bindings.tensorrt.TensorRtApi;
import dev.sluice.bindings.tensorrt.TensorRtLog;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Loads plans.
 *
 * <p>Thread safety: any thread.
 */
final class TrtRuntime extends TrtObject implements TensorRtApi.Runtime {
  private static final String LOAD = "IRuntime::deserializeCudaEngine";

  private final SimDevice device;

  TrtRuntime(SimulatedTensorRt owner, TensorRtLog log, SimDevice device) {
    super(owner, log, "IRuntime", null);
    this.device = device;
  }

  @Override
  public TensorRtApi.Engine deserializeCudaEngine(MemorySegment plan) {
    use();
    if (owner.contextOf(log, LOAD, device) == null) {
      return null;
    }
    if (owner.faults.fails(TensorRtFaults.Call.DESERIALIZE)) {
      refuse(LOAD + ": the plan is of another version of TensorRT, says the fault plan");
      return null;
    }
    try {
      TrtPlan read = TrtPlan.read(plan.toArray(JAVA_BYTE), owner.getInferLibVersion());
      if (!read.runsOn(owner.architecture())) {
        refuse(
            LOAD
                + ": the plan is for compute capability "
                + read.architecture() / 10.0
                + ", and this device has "
                + owner.architecture() / 10.0);
        return null;
      }
      return new TrtEngine(this, read, device);
    } catch (IOException e) {
      refuse(LOAD + ": " + e.getMessage());
      return null;
    }
  }
}
