package dev.sluice.engine.stage;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.RealGpu;
import dev.sluice.kernels.StageMachine;
import org.junit.jupiter.api.BeforeAll;

/** Stages launched on this machine's GPU, against the references. */
class DeviceStagesIT extends DeviceStagesContract {
  private static CudaApi driver;

  @BeforeAll
  static void load() {
    driver = RealGpu.driverWithNvrtc();
  }

  @Override
  StageMachine machine() {
    return StageMachine.gpu(driver);
  }
}
