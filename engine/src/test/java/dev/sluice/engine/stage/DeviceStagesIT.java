package dev.sluice.engine.stage;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.RealGpu;
import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.kernels.StageMachine;
import org.junit.jupiter.api.BeforeAll;

/** Stages launched on this machine's GPU, against the references. */
class DeviceStagesIT extends DeviceStagesContract {
  private static CudaApi driver;

  @BeforeAll
  static void load() {
    driver = RealGpu.driver();
    try {
      Nvrtc.load();
    } catch (NativeException e) {
      System.out.println("skipped: " + e.getMessage());
      abort(e.getMessage());
    }
  }

  @Override
  StageMachine machine() {
    return StageMachine.gpu(driver);
  }
}
